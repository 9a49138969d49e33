// The peers that are connected, and what they fetch.

import { attribute, bones, emptyState, h, put, showEither } from '../parts/dom.js';
import { bytes, count } from '../parts/format.js';
import { get, viewHeader } from '../parts/polled_page.js';
import { Table, rateColumn } from '../parts/table.js';
import { loadStatus, shownOf } from './seeder_status.js';

export class PeersView {
  title = 'Peers';
  json = 'api/peers';

  constructor() {
    this.table = new Table('Peers', 'fetchers', [
      { name: 'Address', css: 'cell-name c-name', by: (p) => p.endpoint, rising: true, make: () => h('strong'), write(p, cell) {
        put(cell.firstChild, p.endpoint);
        attribute(cell, 'title', `Peer ${p.peerHex}`);
      } },
      { name: 'Content', css: 'name c-content', by: (p) => p.name, rising: true, write: (p) => p.name },
      rateColumn('Sending', 'out', (p) => p.sendRateBytesPerSecond),
      { name: 'Sent', css: 'number c-sent', by: (p) => p.sentBytes, write: (p) => bytes(p.sentBytes) },
      { name: 'Chunks', css: 'number c-chunks', by: (p) => p.sentChunks, write: (p) => count(p.sentChunks) },
    ], (p) => `${p.endpoint} ${p.peerHex} ${p.contentHex}`, { page: 50 });
    this.table.sortBy(2, true);
    this.other = h('div', null, bones());
    this.more = h('span');
    this.element = h('section', { class: 'view', 'aria-label': 'Peers' },
      viewHeader('Peers', ['Who is connected, and what it fetches. ', this.more]), h('div', { class: 'card' }, this.table.element, this.other));
    showEither(false, this.table.element, this.other);
  }

  async load() {
    const [{ peers, total }] = await Promise.all([get(this.json), loadStatus()]);
    this.table.set(peers);
    put(this.more, shownOf(peers.length, total));
    showEither(peers.length > 0, this.table.element, this.other);
    if (peers.length === 0) this.other.replaceChildren(emptyState('Nobody fetches', 'Peers that are connected are listed here.'));
  }
}
