// What is published, and what is hashed to be published.

import { addressOf } from '../parts/answers.js';
import { KeyedRows, TrackerWarning, attribute, bones, className, emptyState, figure, h, progressBar, put, searchField, setProgress, show, showEither } from '../parts/dom.js';
import { bytes, bytesOf, count, percent, plural } from '../parts/format.js';
import { get, viewHeader } from '../parts/polled_page.js';
import { RateGraph } from '../parts/rate_graph.js';
import { Table, rateColumn } from '../parts/table.js';
import { history, loadStatus, shownOf } from './seeder_status.js';

const TYPING_MS = 200;

function hashingRow({ entry }) {
  const bar = progressBar(`Hashing ${entry}`);
  const text = h('span', { class: 'number' });
  return { element: h('div', { class: 'row' }, h('span', { class: 'name' }, entry), bar, text), update({ doneBytes, totalBytes }) {
    setProgress(bar, percent(doneBytes, totalBytes), doneBytes / Math.max(1, totalBytes));
    put(text, bytesOf(doneBytes, totalBytes));
  } };
}

export class ContentsView {
  title = 'Contents';

  constructor() {
    this.figures = ['Contents', 'Size', 'Sent', 'Peers connected'].map((label) => figure(label, { css: 'large' }));
    this.graph = new RateGraph('Rate of sending over the last five minutes');
    this.trackers = new TrackerWarning();
    const rows = h('div', { class: 'rows' });
    this.hashed = new KeyedRows(rows, ({ entry }) => entry, hashingRow);
    this.hashing = h('section', { class: 'card hashing', 'aria-label': 'Hashing', hidden: true },
      h('div', { class: 'card-head' }, h('h2', null, 'Hashing')), h('div', { class: 'list' }, rows));
    this.search = searchField('Search by name', () => { this.table.page = 0; this.reload(); }, TYPING_MS);
    this.status = h('span', { class: 'soft', role: 'status' });
    this.table = new Table('Contents', 'published', [
      { name: 'Name', css: 'cell-name c-name', by: (c) => c.name.toLowerCase(), rising: true,
        make: () => [h('strong'), h('small')], write(c, cell) {
        const [name, note] = cell.children;
        put(name, c.name);
        put(note, c.leftOutCount > 0 ? `${plural(c.leftOutCount, 'entry', 'entries')} left out` : c.contentHex.slice(0, 16));
        className(note, c.leftOutCount > 0 ? 'warn' : 'soft mono');
        attribute(cell, 'title', `${c.name}\n${c.contentHex}`);
      } },
      { name: 'Size', css: 'number c-size', by: (c) => c.lengthBytes, write: (c) => bytes(c.lengthBytes) },
      { name: 'Files', css: 'number c-files', by: (c) => c.fileCount, write: (c) => count(c.fileCount) },
      { name: 'Sent', css: 'number c-sent', by: (c) => c.sentBytes, write: (c) => (c.sentBytes > 0 ? bytes(c.sentBytes) : '') },
      rateColumn('Sending', 'out', (c) => c.sendRateBytesPerSecond),
      { name: 'Peers', css: 'number c-peers', by: (c) => c.peers, write: (c) => (c.peers > 0 ? count(c.peers) : '') },
    ], (c) => c.contentHex, { page: 50 });
    this.table.sortBy(0, false);
    this.other = h('div', null, bones());
    this.element = h('section', { class: 'view', 'aria-label': 'Contents' }, viewHeader('Contents'),
      h('div', { class: 'card overview' }, h('dl', { class: 'figures' }, this.figures.map(({ element }) => element)), this.graph.element),
      this.trackers.element, this.hashing, h('div', { class: 'tools gap' }, this.search.element, this.status),
      h('div', { class: 'card' }, this.table.element, this.other));
    show(this.table.element, false);
  }

  get query() { return { nameContains: this.search.input.value.trim() }; }
  get json() { return addressOf('api/contents', this.query); }

  async load() {
    const asked = this.query.nameContains;
    const [{ contents, total }, status] = await Promise.all([get(this.json), loadStatus()]);
    const values = [count(status.contents), bytes(status.contentBytes), bytes(status.sentBytes), count(status.sessions)];
    this.figures.forEach(({ value }, i) => put(value, values[i]));
    this.graph.show(history.samples);
    this.trackers.show(status.trackers);
    this.hashed.set(status.hashing);
    show(this.hashing, status.hashing.length > 0);
    // The search has changed meanwhile.
    if (asked !== this.query.nameContains) return;
    this.table.set(contents);
    showEither(contents.length > 0, this.table.element, this.other);
    put(this.status, shownOf(contents.length, total) || plural(total, 'content'));
    if (contents.length === 0) {
      this.other.replaceChildren(asked ? emptyState('Nothing has this name', `No content that is published here has “${asked}” in its name.`)
        : emptyState('Nothing is published yet', status.ready ? `Put a file or a folder into ${status.shareFolder}.`
          : `The seeder is starting: ${status.notReady}.`));
    }
  }
}
