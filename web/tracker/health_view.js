// The state of the tracker itself: totals, listeners, limits and what they refused.

import { className, figure, h, progressBar, put, setProgress, show } from '../parts/dom.js';
import { bytes, count, percent } from '../parts/format.js';
import { viewHeader } from '../parts/polled_page.js';
import { Table } from '../parts/table.js';
import { STATUS, loadStatus } from './tracker_status.js';

const FIGURES = { contents: 'Contents with a peer', completeLeases: 'Leases of seeders', partialLeases: 'Leases of leechers',
  bittorrentSwarms: 'BitTorrent swarms', bittorrentPeers: 'BitTorrent peers', watchers: 'Watchers' };
const NEARLY_FULL = .9;

function amount({ unit }, value) {
  if (unit === 'bytes') return bytes(value);
  return unit ? `${count(value)} ${unit}` : count(value);
}

export class HealthView {
  title = 'Health';
  json = STATUS;

  constructor() {
    this.figures = Object.entries(FIGURES).map(([key, label]) => ({ key, ...figure(label, { css: 'large' }) }));
    this.listeners = new Table('Listeners', 'listeners', [
      { name: 'Listener', css: 'c-name', write: (l) => l.name },
      { name: 'Answered', css: 'number', write: (l) => count(l.answered) },
      { name: 'Per second', css: 'number', write: (l) => this.#perSecond(l) },
    ], (l) => l.name);
    this.limits = new Table('Limits', 'limits', [
      { name: 'Limit', css: 'c-name mono', by: (l) => l.name, rising: true, write: (l) => l.name },
      { name: 'In use', css: 'cell-progress c-share', by: (l) => (l.used ?? 0) / Math.max(1, l.limit), make: () => progressBar('In use'),
        write({ used = 0, limit }, cell) {
        const share = used / Math.max(1, limit);
        show(cell.firstChild, used > 0);
        className(cell.firstChild, `bar ${share > NEARLY_FULL ? 'is-failed' : ''}`);
        setProgress(cell.firstChild, percent(used, limit), share);
      } },
      { name: 'Now', css: 'number c-used', write: (l) => (l.used > 0 ? amount(l, l.used) : '') },
      { name: 'Most', css: 'number c-most', write: (l) => (l.limit > 0 ? amount(l, l.limit) : 'no limit') },
      { name: 'Refused', css: 'number c-refused', by: (l) => l.refused, write(l, cell) {
        cell.classList.toggle('bad', l.refused > 0);
        return count(l.refused);
      } },
    ], (l) => l.name);
    this.element = h('section', { class: 'view', 'aria-label': 'Health' },
      viewHeader('Health', 'A lease is one peer with one content: a peer of two contents has two.'),
      h('dl', { class: 'card tiles' }, this.figures.map(({ element }) => element)),
      h('h2', { class: 'gap' }, 'Listeners'), h('div', { class: 'card below' }, this.listeners.element),
      h('h2', { class: 'gap' }, 'Limits and refusals'), h('div', { class: 'card below' }, this.limits.element));
  }

  async load() {
    const status = await loadStatus();
    for (const { key, value } of this.figures) put(value, count(status[key]));
    this.before = this.now;
    this.now = { time: performance.now(), answered: new Map(status.listeners.map((l) => [l.name, l.answered])) };
    this.listeners.set(status.listeners);
    this.limits.set(status.limits);
  }

  // Since the last look. Nothing at the first one, and none after the tracker was started anew.
  #perSecond({ name, answered }) {
    const since = (this.now.time - this.before?.time) / 1000;
    const more = answered - this.before?.answered.get(name);
    return more >= 0 ? count(Math.round((10 * more) / since) / 10) : '';
  }
}
