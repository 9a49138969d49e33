// Home: all downloads, with the figures of the agent above them.

import * as actions from './actions.js';
import { openAdd } from './add_dialog.js';
import { KeyedRows, TrackerWarning, attribute, bones, button, className, emptyState, figure, h, icon, iconButton, linkButton, memory, progressBar, put, searchField, setProgress, show, showEither } from '../parts/dom.js';
import { bytes, bytesOf, count, duration, fractionOf, limitsOf, percent, plural, rate, shareOf, sizeOf, stateOf } from '../parts/format.js';
import { RateGraph } from '../parts/rate_graph.js';
import { store } from './store.js';
import { markSorted, sortedBy, writeRate } from '../parts/table.js';

const FILTERS = [
  ['all', 'All', () => true],
  ['active', 'Active', (d) => d.receiveRate > 0 || d.sendRate > 0],
  ['fetching', 'Unfinished', (d) => d.state !== 'COMPLETE'],
  ['waiting', 'Waiting', (d) => ['waiting', 'finding'].includes(stateOf(d).kind)],
  ['paused', 'Paused', (d) => stateOf(d).kind === 'paused'],
  ['complete', 'Complete', (d) => d.state === 'COMPLETE'],
  ['failed', 'Failed', (d) => d.state === 'FAILED'],
];

// Key -> what rows are sorted by; `changes`: it changes by itself.
const ORDERS = {
  added: { name: 'Added', by: (d) => Number(d.id) },
  name: { name: 'Name', by: (d) => d.name.toLowerCase(), rising: true },
  progress: { name: 'Progress', by: fractionOf, changes: true },
  size: { name: 'Size', by: (d) => d.wantedBytes },
  in: { name: 'Receiving', by: (d) => d.receiveRate, changes: true },
  out: { name: 'Sending', by: (d) => d.sendRate, changes: true },
  left: { name: 'Time left', by: (d) => (d.state === 'COMPLETE' ? Infinity : d.timeLeft), rising: true, changes: true },
  peers: { name: 'Peers', by: (d) => d.peers, changes: true },
};
const RESORT_MS = 3000;

class Row {
  constructor(view, d) {
    this.view = view;
    this.check = h('input', { type: 'checkbox', 'aria-label': `Select ${d.name}`, on: { click: (event) => view.choose(this.d, event) } });
    this.link = h('a', { href: `#/download/${d.id}` }, d.name);
    this.words = h('span');
    this.state = h('span', { class: 'state' }, this.words);
    this.bar = progressBar('Progress');
    this.sizes = h('span');
    this.share = h('span');
    this.in = this.#number('c-in');
    this.out = this.#number('c-out');
    this.left = this.#number('c-left');
    this.peers = this.#number('c-peers');
    this.toggle = iconButton('Pause', 'pause', () => actions.toggle([this.d]), 'direct');
    this.menu = iconButton(`Actions for ${d.name}`, 'more', () => actions.openDownloadMenu(this.menu, this.d));
    this.element = h('div', { class: 'row', role: 'row', 'data-id': d.id },
      h('span', { role: 'cell' }, this.check),
      h('div', { class: 'cell-name c-name', role: 'cell' }, this.link, this.state),
      h('div', { class: 'cell-progress', role: 'cell' }, this.bar, h('small', null, this.sizes, this.share)),
      this.in, this.out, this.left, this.peers,
      h('div', { class: 'cell-actions', role: 'cell' }, this.toggle, this.menu));
    view.seen.observe(this.element);
    this.visible = true;
    this.write(d);
  }

  #number(kind) { return h('span', { class: `number ${kind}`, role: 'cell' }, ''); }

  gone() { this.view.seen.unobserve(this.element); }

  // Rows out of sight are written when they come into sight.
  update(d) {
    if (this.d === d) return;
    this.d = d;
    if (this.visible) this.write(d);
    else this.stale = true;
  }

  setVisible(visible) {
    this.visible = visible;
    if (visible && this.stale) this.write(this.d);
  }

  write(d) {
    this.d = d;
    this.stale = false;
    const { kind, text } = stateOf(d);
    put(this.link, d.name);
    attribute(this.link, 'title', d.name);
    put(this.words, d.pinned ? `${text} · pinned` : text);
    attribute(this.state, 'title', text);
    className(this.state, `state is-${kind}`);
    className(this.bar, `bar is-${kind}`);
    const share = shareOf(d);
    setProgress(this.bar, share, fractionOf(d));
    put(this.sizes, sizeOf(d));
    put(this.share, d.wantedBytes > 0 || share > 0 ? `${share} %` : '');
    writeRate(this.in, d.receiveRate, 'in');
    writeRate(this.out, d.sendRate, 'out');
    put(this.left, d.state !== 'COMPLETE' && !d.paused ? duration(d.timeLeft) : '');
    put(this.peers, d.peers > 0 ? count(d.peers) : '');
    const action = actions.actionOf(d);
    if (this.action !== action) {
      this.action = action;
      this.toggle.style.visibility = action ? '' : 'hidden';
      if (action) {
        attribute(this.toggle, 'aria-label', `${action} ${d.name}`);
        attribute(this.toggle, 'title', action);
        this.toggle.replaceChildren(icon(action === 'Pause' ? 'pause' : 'play'));
      }
    }
  }

  setChosen(chosen) {
    this.check.checked = chosen;
    this.element.classList.toggle('is-chosen', chosen);
  }
}

export class DownloadsView {
  title = 'Downloads';

  constructor() {
    this.filter = memory.get('filter', 'all');
    this.text = '';
    const [order, falling] = memory.get('order', 'added -').split(' ');
    this.order = ORDERS[order] ? order : 'added';
    this.falling = falling === '-';
    this.chosen = new Set();
    this.element = h('section', { class: 'view', 'aria-labelledby': 'downloads-title' },
      h('h1', { class: 'unseen', id: 'downloads-title', tabindex: -1 }, 'Downloads'), this.#overview(), this.#tools(), this.#list(),
      this.selection);
    this.seen = new IntersectionObserver((entries) => {
      for (const entry of entries) this.rows.rows.get(entry.target.dataset.id)?.setVisible(entry.isIntersecting);
    }, { rootMargin: '80px' });
    this.rows = new KeyedRows(this.body, (d) => d.id, (d) => new Row(this, d));
    this.#showFilter();
  }

  #overview() {
    this.receiving = figure('Receiving', { swatch: 'in', css: 'large' });
    this.sending = figure('Sending', { swatch: 'out', css: 'large' });
    this.disk = figure('On the disk');
    this.diskBar = progressBar('Disk budget in use');
    this.disk.element.append(this.diskBar);
    this.limits = figure('Limits');
    this.limits.element.append(linkButton('Change limits', actions.openLimits));
    this.graph = new RateGraph('Rates over the last five minutes');
    this.trackers = new TrackerWarning();
    return h('div', null, h('div', { class: 'card overview' },
      h('dl', { class: 'figures' }, this.receiving.element, this.sending.element, this.disk.element, this.limits.element),
      this.graph.element), this.trackers.element);
  }

  #tools() {
    this.search = searchField('Filter by name', (text) => { this.text = text.toLowerCase(); this.#arrange(); });
    this.chips = FILTERS.map(([key, name]) => {
      const number = h('b');
      const chip = h('button', { type: 'button', class: 'chip',
        on: { click: () => { this.filter = key; memory.set('filter', key); this.#showFilter(); this.#arrange(); } } }, name, ' ', number);
      return { key, chip, number };
    });
    this.sort = h('select', { 'aria-label': 'Sort by' },
      Object.entries(ORDERS).map(([key, { name }]) => h('option', { value: key }, name)));
    this.sort.value = this.order;
    this.sort.addEventListener('change', () => this.#sortBy(this.sort.value, true));
    this.count = h('strong');
    const act = (action) => () => action(this.#chosenDownloads());
    this.selection = h('div', { class: 'selection', role: 'toolbar', 'aria-label': 'Actions for the selection', hidden: true }, this.count,
      button('Pause', 'pause', act(actions.pause), 'small'), button('Resume', 'play', act(actions.resume), 'small'),
      button('Check', 'check', act(actions.verify), 'small'),
      button('Pin', 'pin', act((all) => actions.pin(all, !all.every((d) => d.pinned))), 'small'),
      button('Remove …', 'remove', act((all) => actions.remove(all, () => this.clear())), 'small danger'),
      button('Clear', 'close', () => this.clear(), 'small'));
    this.tools = h('div', { class: 'tools', hidden: true },
      h('div', { class: 'chips', role: 'group', 'aria-label': 'Show' }, this.chips.map(({ chip }) => chip)),
      this.search.element, this.sort);
    return this.tools;
  }

  #list() {
    const head = (key, name, kind = '') => {
      const cell = h('span', { role: 'columnheader', class: kind },
        h('button', { type: 'button', on: { click: () => this.#sortBy(key) } }, name));
      this.heads.set(key, cell);
      return cell;
    };
    this.heads = new Map();
    this.all = h('input', { type: 'checkbox', 'aria-label': 'Select all', on: { click: () => this.#chooseAll(this.all.checked) } });
    this.body = h('div', { class: 'rows', role: 'rowgroup' });
    this.table = h('div', { class: 'list downloads', role: 'table', 'aria-label': 'Downloads', hidden: true },
      h('div', { class: 'row head', role: 'row' }, h('span', { role: 'columnheader' }, this.all), head('name', 'Name', 'c-name'),
        head('progress', 'Progress'),
        head('in', 'Receiving', 'number c-in'), head('out', 'Sending', 'number c-out'), head('left', 'Left', 'number c-left'),
        head('peers', 'Peers', 'number c-peers'),
        h('span', { role: 'columnheader' }, h('span', { class: 'unseen' }, 'Actions'))),
      this.body);
    this.none = h('div', null, bones());
    this.#showOrder();
    return h('div', { class: 'card' }, this.table, this.none);
  }

  #showFilter() {
    for (const { key, chip } of this.chips) attribute(chip, 'aria-pressed', key === this.filter);
  }

  #sortBy(key, fresh = false) {
    this.falling = key === this.order && !fresh ? !this.falling : !ORDERS[key].rising;
    this.order = key;
    this.sort.value = key;
    memory.set('order', `${key} ${this.falling ? '-' : '+'}`);
    this.#showOrder();
    this.#arrange();
  }

  #showOrder() {
    for (const [key, cell] of this.heads) markSorted(cell, key === this.order, this.falling);
  }

  shown() {
    this.graph.drawn = undefined;
    this.update({ all: true, totals: true, ids: new Set() });
  }

  update(news) {
    if (news.totals) this.#showTotals();
    this.graph.show(store.history.samples);
    if (store.phase === 'loading') return;
    const resort = ORDERS[this.order].changes && performance.now() - this.arranged > RESORT_MS && !document.querySelector('.menu');
    if (news.all || resort) return this.#arrange();
    let moved = false;
    const keep = FILTERS.find(([key]) => key === this.filter)[2];
    for (const id of news.ids) {
      const d = store.downloads.get(id);
      const row = this.rows.rows.get(id);
      if (d && this.#matches(d, keep) !== (row !== undefined)) moved = true;
      else if (d) row?.update(d);
    }
    if (moved) this.#arrange();
    else if (news.ids.size > 0) this.#count();
  }

  #showTotals() {
    const totals = store.totals;
    put(this.receiving.value, rate(totals.receiveRate));
    put(this.sending.value, rate(totals.sendRate));
    put(this.disk.value, totals.diskBudget > 0 ? bytesOf(totals.diskUsed, totals.diskBudget) : bytes(totals.diskUsed));
    show(this.diskBar, totals.diskBudget > 0);
    setProgress(this.diskBar, percent(totals.diskUsed, totals.diskBudget), totals.diskUsed / Math.max(1, totals.diskBudget));
    put(this.limits.value, limitsOf(totals) || 'None');
    this.trackers.show(totals.trackers);
  }

  #matches(d, keep) { return keep(d) && (this.text === '' || d.name.toLowerCase().includes(this.text)); }

  // Which rows there are, and in which order.
  #arrange() {
    this.arranged = performance.now();
    const keep = FILTERS.find(([key]) => key === this.filter)[2];
    const { by } = ORDERS[this.order];
    this.listed = sortedBy([...store.downloads.values()].filter((d) => this.#matches(d, keep)), by, this.falling);
    this.rows.set(this.listed);
    for (const id of this.chosen) if (!this.rows.rows.has(id)) this.chosen.delete(id);
    this.#count();
    this.#showChosen();
    const some = store.downloads.size > 0;
    show(this.tools, some);
    showEither(this.listed.length > 0, this.table, this.none);
    if (this.listed.length === 0) this.#explain(some);
  }

  #explain(some) {
    const why = some ? 'filtered' : 'empty';
    if (this.none.dataset.why === why) return;
    this.none.dataset.why = why;
    this.none.replaceChildren(some
      ? emptyState('Nothing matches', 'No download has this name and state.', button('Show all', null, () => this.showAll()))
      : emptyState('No downloads yet',
        'Add one by its name or content id, drop a .shoal file anywhere on this page, or look at what trackers offer.',
        button('Add a download', 'add', () => openAdd(), 'main'),
        h('a', { class: 'button', href: '#/offered' }, icon('offered'), 'See what is offered')));
  }

  showAll() {
    this.filter = 'all';
    this.text = this.search.input.value = '';
    this.#showFilter();
    this.#arrange();
  }

  #count() {
    const counts = FILTERS.map(() => 0);
    for (const d of store.downloads.values()) FILTERS.forEach(([, , keep], i) => { counts[i] += keep(d); });
    this.chips.forEach(({ key, chip, number }, i) => {
      put(number, counts[i]);
      show(chip, counts[i] > 0 || key === this.filter || key === 'all');
    });
  }

  // --- the selection

  #chosenDownloads() { return [...this.chosen].map((id) => store.downloads.get(id)).filter(Boolean); }

  choose(d, event) {
    const on = !this.chosen.has(d.id);
    const from = this.listed.findIndex((other) => other.id === this.anchor);
    const to = this.listed.findIndex((other) => other.id === d.id);
    const range = event?.shiftKey && from >= 0 ? this.listed.slice(Math.min(from, to), Math.max(from, to) + 1) : [d];
    for (const { id } of range) on ? this.chosen.add(id) : this.chosen.delete(id);
    this.anchor = d.id;
    this.#showChosen();
  }

  #chooseAll(on) {
    this.chosen = new Set(on ? this.listed.map((d) => d.id) : []);
    this.#showChosen();
  }

  clear() { this.#chooseAll(false); }

  #showChosen() {
    for (const [id, row] of this.rows.rows) row.setChosen(this.chosen.has(id));
    this.all.checked = this.chosen.size > 0 && this.chosen.size === this.listed.length;
    this.all.indeterminate = this.chosen.size > 0 && !this.all.checked;
    show(this.selection, this.chosen.size > 0);
    put(this.count, `${plural(this.chosen.size, 'download')} selected`);
  }

  #current() { return this.rows.rows.get(document.activeElement?.closest('.row[data-id]')?.dataset.id); }

  // A key acts on the selection, or on the row that has the focus.
  #act(action) {
    const row = this.#current();
    const aim = this.chosen.size > 0 ? this.#chosenDownloads() : row ? [row.d] : [];
    if (aim.length > 0) action(aim);
  }

  #step(by) {
    const at = this.listed.findIndex((d) => d.id === this.#current()?.d.id);
    const next = this.listed[Math.max(0, Math.min(this.listed.length - 1, at < 0 ? 0 : at + by))];
    if (!next) return;
    const { link, element } = this.rows.rows.get(next.id);
    link.focus({ preventScroll: true });
    element.scrollIntoView({ block: 'nearest' });
  }

  keys = {
    '/': () => this.search.input.focus(),
    j: () => this.#step(1),
    k: () => this.#step(-1),
    ArrowDown: () => this.#step(1),
    ArrowUp: () => this.#step(-1),
    x: () => { const row = this.#current(); if (row) this.choose(row.d); },
    p: () => this.#act(actions.toggle),
    v: () => this.#act(actions.verify),
    Delete: () => this.#act((all) => actions.remove(all, () => this.clear())),
    Escape: () => this.clear(),
  };
}
