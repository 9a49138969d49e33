// What the pages of the tracker and the seeder have in common: each view is asked for again every few seconds
// while it is seen.

import { addressOf, answerOf } from './answers.js';
import { $, announce, h, icon, put, show } from './dom.js';
import { openViews } from './router.js';
import { askForToken, authorization } from './token.js';

const EVERY_MS = 2000;
// What to say to a person without the right to see this, by the code of the answer.
const DENIED = {
  unauthenticated: 'Ask who runs it for one with the right to list.',
  permission_denied: 'The one that was given lacks the right to list: ask who runs it for another.',
};
// A view that takes long to load is asked for less often.
const PAUSES_PER_LOAD = 10;

// The JSON at an address. Throws ApiError.
export const get = (path, query) => answerOf(fetch(addressOf(path, query), { cache: 'no-store', headers: authorization() }));

// Numbers are text in JSON where they may be large, and absent where they are 0.
export const number = (value) => Number(value ?? 0);

// The head of a view: its title, and a link to what it shows as JSON.
export function viewHeader(title, note) {
  return h('header', null, h('h1', { tabindex: -1 }, title),
    h('div', { class: 'aside' }, h('a', { class: 'button small json', href: '#' }, icon('file'), 'JSON')), note && h('p', null, note));
}

// `views`: as for openViews, each with a `title`, `json` (the address of what it shows) and load(rest), which may throw.
// A view gets a method reload(), for what it should show at once.
export function runPage(views, product) {
  let view;
  let rest;
  let timer;
  let turn = 0;

  async function load() {
    clearTimeout(timer);
    const mine = ++turn;
    const began = performance.now();
    let failure = '';
    let denied = '';
    try {
      await view.load(rest);
    } catch (error) {
      failure = error.message;
      denied = DENIED[error.code] ?? '';
    }
    if (mine !== turn) return;
    if (!failure && !$('connection').hidden) announce('Connected again');
    show($('connection'), failure !== '');
    put($('connection-text'), denied ? 'This page needs a token.' : failure && `${failure} What you see is from before; trying again …`);
    show($('connection-retry'), denied !== '');
    show($('connection-spin'), denied === '');
    document.body.classList.toggle('lost', failure !== '');
    view.element.querySelector('a.json').href = view.json;
    document.title = `${view.title} · ${product}`;
    if (denied) return askForIt(denied); // not again before there is another one
    const pause = Math.max(EVERY_MS, PAUSES_PER_LOAD * (performance.now() - began));
    timer = setTimeout(() => (document.hidden ? null : load()), pause);
  }

  const askForIt = (why) => askForToken(`This ${product.replace('Shoal ', '')} asks for a token`, why, load);
  $('connection-retry').addEventListener('click', () => askForIt(DENIED.unauthenticated));
  document.addEventListener('visibilitychange', () => { if (!document.hidden) load(); });
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches('input');
    if (event.key === 'Escape' && typing) event.target.blur();
    else if (event.key === 'Escape' && view.below !== undefined) location.hash = `#/${view.below}`;
    else if (event.key === '/' && !typing) view.element.querySelector('input[type=search]')?.focus();
    else return;
    event.preventDefault();
  });
  openViews(views, (entered, after) => {
    view = entered;
    view.reload = load;
    rest = after;
    load();
  });
}
