// What of the shared folder is not published, and why.

import { attribute, bones, className, emptyState, h, put, showEither } from '../parts/dom.js';
import { get, viewHeader } from '../parts/polled_page.js';
import { Table } from '../parts/table.js';
import { loadStatus, shownOf } from './seeder_status.js';

export class LeftOutView {
  title = 'Left out';
  json = 'api/left_out';

  constructor() {
    this.table = new Table('Left out', 'left-out', [
      { name: 'Entry', css: 'cell-name c-name', by: (e) => e.entry, rising: true, make: () => [h('strong'), h('small', { class: 'mono' })],
        write(e, cell) {
        const [entry, path] = cell.children;
        put(entry, e.entry || 'The shared folder');
        put(path, e.path ?? '');
        attribute(cell, 'title', e.path ?? e.entry);
      } },
      { name: 'Why', css: 'why', write(e, cell) {
        className(cell, `why ${e.path === undefined ? 'bad' : ''}`);
        return e.reason;
      } },
    ], (e) => JSON.stringify(e), { page: 50 });
    this.other = h('div', null, bones());
    this.more = h('span');
    this.element = h('section', { class: 'view', 'aria-label': 'Left out' },
      viewHeader('Left out', ['Entries that could not be published, and what published folders do without. ', this.more]),
      h('div', { class: 'card' }, this.table.element, this.other));
    showEither(false, this.table.element, this.other);
  }

  async load() {
    const [{ entries, total }] = await Promise.all([get(this.json), loadStatus()]);
    this.table.set(entries);
    put(this.more, shownOf(entries.length, total));
    showEither(entries.length > 0, this.table.element, this.other);
    if (entries.length === 0) this.other.replaceChildren(emptyState('Nothing is left out', 'Everything in the shared folder is published.'));
  }
}
