// What happened lately, newest first.

import { KeyedRows, emptyState, h, put, showEither, titledView } from '../parts/dom.js';
import { clock } from '../parts/format.js';
import { store } from './store.js';

const BAD = ['failed', 'chunk_rejected', 'peer_lost', 'peer_dropped', 'disk_full'];

// A row of a log. `linked`: names the download and leads to it.
export function eventRow(event, linked = false) {
  const kind = event.kind.replaceAll('_', ' ');
  const d = linked && store.downloads.get(event.download);
  const text = h('span', null, event.text);
  if (d) text.prepend(h('a', { href: `#/download/${d.id}` }, d.name), ' — ');
  const row = h('div', { class: 'row' }, h('time', { class: 'soft', datetime: event.time?.toISOString() }, clock(event.time)),
    h('span', { class: BAD.includes(event.kind) ? 'bad' : event.kind === 'complete' ? 'good' : '' }, kind), text);
  return { element: row, update() {} };
}

export class EventsView {
  title = 'Events';

  constructor() {
    this.count = h('p');
    const body = h('div', { class: 'rows' });
    this.list = h('div', { class: 'list log' }, body);
    this.rows = new KeyedRows(body, (event) => event.sequence, (event) => eventRow(event, true));
    this.none = emptyState('Nothing happened yet',
      'Downloads that begin, end or fail, and peers that are lost or misbehave, are listed here.');
    this.element = titledView(this.title, this.count, h('div', { class: 'card' }, this.list, this.none));
  }

  shown() { this.update({ logged: true }); }

  update(news) {
    if (!news.logged && !news.snapshot) return;
    // Another run of the agent counts from the beginning again.
    if (news.snapshot) this.rows.set([]);
    this.rows.set([...store.events].reverse());
    put(this.count, store.totals.version ? `Of all downloads, since this agent started. Version ${store.totals.version}.` : '');
    showEither(store.events.length > 0, this.list, this.none);
  }

  keys = {};
}
