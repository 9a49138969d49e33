// Views by the part of the address after '#': "#/NAME/REST".

import { $, attribute, placeIcons } from './dom.js';

// `views`: name -> view, '' for the first. A view has an `element`, `below` if the link to another one counts as its
// own, and `left()` if it has to know. `entered(view, rest)` is called at each new address.
export function openViews(views, entered) {
  let current;
  const route = () => {
    const [, name, rest] = /^#?\/?([^/]*)\/?(.*)$/.exec(location.hash);
    const before = current;
    current = views[name] ?? views[''];
    const fresh = current !== before;
    if (fresh) {
      before?.left?.();
      $('main').replaceChildren(current.element);
    }
    entered(current, decodeURIComponent(rest));
    for (const link of document.querySelectorAll('.top nav a')) {
      const to = link.hash.slice(2);
      attribute(link, 'aria-current', views[to] === current || to === current.below ? 'page' : null);
    }
    if (before && fresh) {
      current.element.querySelector('h1')?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
  };
  placeIcons();
  $('skip').addEventListener('click', (event) => {
    event.preventDefault(); // the address is the route
    $('main').focus();
  });
  addEventListener('hashchange', route);
  route();
}
