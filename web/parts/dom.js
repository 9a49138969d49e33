// Making and changing elements. Text from outside only ever becomes text nodes and attributes, never markup.

// What turns the direction of writing or is not seen becomes visible, so that no name looks like another.
export const plain = (text) =>
  String(text).replace(/[\p{Bidi_C}\u200b\ufeff]/gu, (mark) => `\\u${mark.charCodeAt().toString(16).padStart(4, 0)}`);

// h('a', {class: 'x', href: '#', on: {click}}, 'text', child, ...). Attributes that are null or false are
// left out.
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value == null || value === false) continue;
    if (name === 'on') {
      for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    } else {
      // A field has the text itself, to be edited.
      element.setAttribute(name, value === true ? '' : name === 'value' ? value : plain(value));
    }
  }
  element.append(...children.flat().filter((child) => child != null && child !== false)
    .map((child) => (child.nodeType ? child : plain(child))));
  return element;
}

export const $ = (id) => document.getElementById(id);

// The text of an element that holds nothing else. Writes only what changed.
export function put(element, text) {
  const node = element.firstChild;
  const shown = plain(text);
  if (node === null) element.append(shown);
  else if (node.data !== shown) node.data = shown;
}

export function attribute(element, name, value) {
  if (value === null) return element.removeAttribute(name);
  const text = plain(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

export function className(element, value) {
  if (element.className !== value) element.className = value;
}

export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

export function showEither(first, element, otherwise) {
  show(element, first);
  show(otherwise, !first);
}

// A bar of progress, moved without layout.
export function fill(bar, fraction, of = bar.firstElementChild) {
  const text = `scaleX(${Math.min(1, Math.max(0, fraction)).toFixed(4)})`;
  if (of.style.transform !== text) of.style.transform = text;
}

export function progressBar(label, more = '') {
  return h('div', { class: `bar ${more}`, role: 'progressbar', 'aria-label': label, 'aria-valuemin': 0, 'aria-valuemax': 100 }, h('i'));
}

export function setProgress(bar, percent, fraction) {
  attribute(bar, 'aria-valuenow', percent);
  fill(bar, fraction);
}

const PATHS = {
  add: 'M12 5v14M5 12h14',
  back: 'M19 12H5M11 6l-6 6 6 6',
  check: 'M4 12.5l5 5L20 6.5',
  close: 'M6 6l12 12M18 6L6 18',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  down: 'M12 4v12M6 11l6 6 6-6M5 20h14',
  file: 'M6 3h8l5 5v13H6zM14 3v5h5',
  folder: 'M3 6h6l2 2h10v11H3z',
  follow: 'M4 11a9 9 0 019 9M4 4a16 16 0 0116 16M5 19h.01',
  gauge: 'M12 13l4-4M4 17a9 9 0 1116 0',
  help: 'M9 9a3 3 0 115 2.2c-1.3 1-2 1.6-2 2.8M12 17.5h.01',
  list: 'M4 6h16M4 12h16M4 18h10',
  log: 'M12 8v4l3 2M3.5 12a8.5 8.5 0 108.5-8.5c-3 0-5.5 1.5-7 3.8M4 3v4.5h4.5',
  more: 'M4.5 12a.5.5 0 101 0 .5.5 0 10-1 0M11.5 12a.5.5 0 101 0 .5.5 0 10-1 0M18.5 12a.5.5 0 101 0 .5.5 0 10-1 0',
  next: 'M9 5l7 7-7 7',
  offered: 'M3 12h4l2 4h6l2-4h4M5 5h14l2 7v7H3v-7z',
  pause: 'M8 5v14M16 5v14',
  pin: 'M9 4h6l-1 6 4 4H6l4-4zM12 14v6',
  play: 'M7 4.5v15l12-7.5z',
  remove: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5',
  search: 'M10.5 4a6.5 6.5 0 100 13 6.5 6.5 0 000-13zM15.5 15.5L20 20',
};

export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}

// Icons where the page asks for them.
export function placeIcons() {
  for (const element of document.querySelectorAll('[data-icon]')) element.prepend(icon(element.dataset.icon));
}

export function button(label, iconName, act, kind = '') {
  return h('button', { type: 'button', class: `button ${kind}`, on: { click: act } }, iconName && icon(iconName), h('span', null, label));
}

export const linkButton = (label, act) => h('button', { type: 'button', class: 'link', on: { click: act } }, label);

export function iconButton(label, iconName, act, kind = '') {
  return h('button', { type: 'button', class: `quiet ${kind}`, 'aria-label': label, title: label,
    'aria-haspopup': iconName === 'more' && 'menu', on: { click: act } }, icon(iconName));
}

export function emptyState(title, text, ...choices) {
  return h('div', { class: 'empty' }, h('img', { src: 'parts/icon.svg', alt: '' }), h('h2', null, title), h('p', null, text),
    choices.length > 0 && h('div', { class: 'choices' }, choices));
}

// A view that its heading names; `beside`: what the header has behind that.
export const titledView = (title, beside, ...rest) => h('section', { class: 'view', 'aria-labelledby': 'view-title' },
  h('header', null, h('h1', { id: 'view-title', tabindex: -1 }, title), beside), ...rest);

// Rows that are on their way.
export function bones(rows = 5) {
  const list = h('div', { 'aria-hidden': 'true' });
  for (let i = 0; i < rows; ++i) {
    const bone = h('div', { class: 'bone' });
    bone.style.width = `${72 - 9 * (i % 4)}%`;
    bone.style.margin = '26px 18px';
    list.append(bone);
  }
  return list;
}

// The children of an element as a list of items: a row per key, made once, moved only if its place changed.
// `create(item)` returns {element, update(item)}.
export class KeyedRows {
  constructor(parent, keyOf, create) {
    this.parent = parent;
    this.keyOf = keyOf;
    this.create = create;
    this.rows = new Map();
  }

  set(items) {
    const wanted = new Set(items.map((item) => this.keyOf(item)));
    for (const [key, row] of this.rows) {
      if (wanted.has(key)) continue;
      row.element.remove();
      row.gone?.();
      this.rows.delete(key);
    }
    let place = this.parent.firstElementChild;
    for (const item of items) {
      const key = this.keyOf(item);
      let row = this.rows.get(key);
      if (row === undefined) {
        row = this.create(item);
        this.rows.set(key, row);
      }
      row.update(item);
      if (row.element === place) {
        place = place.nextElementSibling;
      } else {
        this.#move(row.element, place);
      }
    }
  }

  // insertBefore takes the focus from what it moves; moveBefore, where the browser has it, does not.
  #move(element, before) {
    if (element.isConnected && this.parent.moveBefore) return this.parent.moveBefore(element, before);
    const focused = element.contains(document.activeElement) ? document.activeElement : null;
    this.parent.insertBefore(element, before);
    focused?.focus({ preventScroll: true });
  }
}

// Facts in a <dl>, as [label, text, isLong]. Those without a text are left out, and a long one can be copied.
export class Facts extends KeyedRows {
  constructor(kind = '') {
    super(h('dl', { class: `facts ${kind}` }), ([label]) => label, ([label, , isLong]) => {
      const value = h(isLong ? 'code' : 'span');
      let exact;
      const copy = isLong && iconButton(`Copy: ${label}`, 'copy', () => copyText(exact, label));
      const element = h('div', { class: isLong && 'wide' }, h('dt', null, label), h('dd', null, value, copy));
      return { element, update: ([, text]) => put(value, exact = text) };
    });
  }

  set(facts) { super.set(facts.filter(([, text]) => text)); }
}

// For screen readers, when nothing else on the page says it.
export function announce(text) {
  const region = $('announcements');
  const line = h('p', null, text);
  region.append(line);
  setTimeout(() => line.remove(), 8000);
}

// A short message in the corner. Errors stay until they are closed, or a while longer.
export function toast(text, kind = '') {
  const message = h('div', { class: `toast ${kind ? `is-${kind}` : ''}`, role: kind === 'bad' ? 'alert' : 'status' },
    h('span', null, text));
  const close = () => message.remove();
  message.append(iconButton('Close this message', 'close', close));
  $('toasts').append(message);
  while ($('toasts').childElementCount > 4) $('toasts').firstElementChild.remove();
  setTimeout(close, kind === 'bad' ? 15000 : 5000);
}

// A modal dialog; it leaves the page when it is closed.
export function openDialog(title, content, kind = '') {
  const heading = h('h2', { id: 'dialog-title' }, title);
  const dialog = h('dialog', { class: kind, 'aria-labelledby': 'dialog-title' });
  const close = iconButton('Close', 'close', () => dialog.close(), 'close');
  content.prepend(heading);
  content.append(close);
  dialog.append(content);
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

// A form in a dialog: `submit` may throw, which shows the reason and leaves the dialog open.
export function openForm(title, fields, submitLabel, submit, kind = '') {
  const error = h('p', { class: 'error', role: 'alert', hidden: true });
  const main = h('button', { class: `button ${kind.includes('danger') ? 'danger' : 'main'}` }, submitLabel);
  const ends = h('div', { class: 'ends' }, button('Cancel', null, () => dialog.close()), main);
  const form = h('form', { novalidate: true }, ...fields, error, ends);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    main.disabled = true;
    try {
      await submit();
      dialog.close();
    } catch (failure) {
      put(error, failure.message);
      error.hidden = false;
    } finally {
      main.disabled = false;
    }
  });
  const dialog = openDialog(title, form, kind);
  (form.querySelector('[autofocus]') ?? form.querySelector('input')).focus();
  return dialog;
}

export const textInput = (placeholder, more) =>
  h('input', { type: 'text', placeholder, autocomplete: 'off', spellcheck: 'false', ...more });

// A field to search with. `typed(text)` is called after each change, when the typing pauses for `waitMs`.
export function searchField(label, typed, waitMs = 0) {
  const input = h('input', { type: 'search', placeholder: label, 'aria-label': label, autocomplete: 'off', spellcheck: 'false' });
  let timer;
  input.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(() => typed(input.value.trim()), waitMs); });
  return { input, element: h('label', { class: 'search' }, icon('search'), input) };
}

// Says which trackers do not answer, if any.
export class TrackerWarning {
  text = h('span');
  element = h('div', { class: 'notice-strip', role: 'status', hidden: true }, h('p', { class: 'notice' }, icon('gauge'), this.text));

  show(trackers = []) {
    const away = trackers.filter(({ failure }) => failure);
    show(this.element, away.length > 0);
    put(this.text, away.map(({ url, failure }) => (failure.startsWith(`tracker ${url}`)
      ? `T${failure.slice(1)}` : `Tracker ${url} does not answer: ${failure}`)).join(' · '));
  }
}

// A figure with its label, in a <dl>.
export function figure(label, more = {}) {
  const value = h('dd');
  return { value, element: h('div', { class: `figure ${more.css ?? ''}` },
    h('dt', null, more.swatch && h('i', { class: `swatch ${more.swatch}` }), label), value) };
}

export function field(label, input, hint) {
  return h('label', { class: 'field' }, h('span', null, label), input, hint && h('small', null, hint));
}

export function checkbox(label, hint, checked = false) {
  const input = h('input', { type: 'checkbox', checked });
  return { input, element: h('label', { class: 'check' }, input, h('span', null, label, hint && h('small', null, hint))) };
}

// A menu at an element. `items`: {label, icon, act, bad}.
export function openMenu(anchor, items) {
  const menu = h('div', { class: 'menu', role: 'menu' });
  const close = (refocus) => {
    if (!menu.isConnected) return;
    menu.remove();
    removeEventListener('pointerdown', outside, true);
    removeEventListener('hashchange', gone);
    anchor.setAttribute('aria-expanded', 'false');
    if (refocus) anchor.focus();
  };
  const outside = (event) => { if (!menu.contains(event.target)) close(false); };
  const gone = () => close(false);
  for (const item of items) {
    menu.append(h('button', { type: 'button', role: 'menuitem', tabindex: -1, class: item.bad && 'bad',
      on: { click: () => { close(true); item.act(); } } }, icon(item.icon), item.label));
  }
  menu.addEventListener('keydown', (event) => {
    const all = [...menu.children];
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to !== undefined) all.at(to % all.length).focus();
    else if (event.key === 'Escape' || event.key === 'Tab') close(true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  document.body.append(menu);
  const at = anchor.getBoundingClientRect();
  const below = at.bottom + menu.offsetHeight + 8 < innerHeight;
  menu.style.top = `${scrollY + (below ? at.bottom + 4 : Math.max(8, at.top - menu.offsetHeight - 4))}px`;
  menu.style.left = `${scrollX + Math.max(8, at.right - menu.offsetWidth)}px`;
  anchor.setAttribute('aria-expanded', 'true');
  addEventListener('pointerdown', outside, true);
  addEventListener('hashchange', gone);
  menu.firstElementChild.focus();
}

// `tabs`: {name, panel}. Returns the buttons and how to choose one.
export function makeTabs(label, tabs) {
  const list = h('div', { class: 'tabs', role: 'tablist', 'aria-label': label });
  const buttons = tabs.map(({ name, panel }) => {
    const tab = h('button', { type: 'button', role: 'tab', id: `tab-${panel.id}`, 'aria-controls': panel.id }, h('span', null, name));
    panel.setAttribute('role', 'tabpanel');
    panel.setAttribute('aria-labelledby', tab.id);
    return tab;
  });
  const choose = (index) => {
    tabs.forEach(({ panel }, i) => {
      panel.hidden = i !== index;
      buttons[i].setAttribute('aria-selected', String(i === index));
      buttons[i].tabIndex = i === index ? 0 : -1;
    });
  };
  buttons.forEach((tab, index) => {
    tab.addEventListener('click', () => choose(index));
    tab.addEventListener('keydown', (event) => {
      const to = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: -1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const target = buttons.at(to % buttons.length);
      target.click();
      target.focus();
    });
  });
  list.append(...buttons);
  choose(0);
  return { list, buttons, choose };
}

// One choice of a few, as buttons side by side.
export function segmented(label, names, chosen) {
  const group = h('div', { class: 'segmented', role: 'group', 'aria-label': label });
  const buttons = names.map((name, index) => h('button', { type: 'button', 'aria-pressed': String(index === 0), on: { click: () => {
    buttons.forEach((other, i) => other.setAttribute('aria-pressed', String(i === index)));
    chosen(index);
  } } }, name));
  group.append(...buttons);
  return group;
}

export async function copyText(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    // Without TLS the browser gives the clipboard to nobody but a selection.
    openForm(what, [field('Copy it from here', h('input', { type: 'text', value: text, readonly: true }))], 'Done', () => {}, 'small')
      .querySelector('input').select();
  }
}

// What is remembered between visits. Without storage it is forgotten, and nothing fails.
export const memory = {
  get(key, otherwise) {
    try { return localStorage.getItem(`shoal.${key}`) ?? otherwise; } catch { return otherwise; }
  },
  set(key, value) {
    try { localStorage.setItem(`shoal.${key}`, value); } catch { /* private windows */ }
  },
};
