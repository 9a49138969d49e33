// The contents that have a peer, and the swarms of BitTorrent clients.

import { addressOf } from '../parts/answers.js';
import { attribute, bones, emptyState, h, put, searchField, show, showEither } from '../parts/dom.js';
import { ago, bytes, count, duration, plural, signedBy } from '../parts/format.js';
import { get, number, viewHeader } from '../parts/polled_page.js';
import { Table } from '../parts/table.js';
import { SERVICE, loadStatus, seconds } from './tracker_status.js';

// More than this is searched, not listed.
const MOST_LISTED = 5000;
const MOST_CALLS = 10;
const LISTED_PER_CALL = 1000;
const TYPING_MS = 200;

function contentOf({ summary = {}, firstSeen, published, ...swarm }) {
  return { ...summary, ...swarm, hex: summary.contentHex, name: summary.name ?? '', seen: new Date(published ?? firstSeen ?? 0) };
}

function swarmOf({ infoHashHex, firstSeen, ...swarm }) {
  return { ...swarm, hex: infoHashHex, name: infoHashHex, bittorrent: true, seen: new Date(firstSeen ?? 0) };
}

// A column of numbers that swarms of BitTorrent clients do not have.
const contentColumn = (name, css, by, text) => ({ name, css: `number ${css}`, by, write: (c) => (c.bittorrent ? '' : text(by(c))) });

export class ContentsView {
  title = 'Contents';

  constructor() {
    this.search = searchField('Search by name', () => { this.table.page = 0; this.reload(); }, TYPING_MS);
    this.status = h('span', { class: 'soft', role: 'status' });
    this.table = new Table('Contents', 'contents', [
      { name: 'Name', css: 'cell-name c-name', by: (c) => c.name.toLowerCase(), rising: true,
        make: () => [h('a'), h('small', { class: 'soft mono' })], write(c, cell) {
        const [link, id] = cell.children;
        put(link, c.name);
        attribute(link, 'href', `#/swarm/${c.hex}`);
        const keys = (c.signatures ?? []).map(({ publicKey }) => `ed25519:${publicKey}`);
        put(id, [c.bittorrent ? 'BitTorrent' : c.hex.slice(0, 16), ...keys.map((key) => signedBy(key))].join(' · '));
        attribute(cell, 'title', [c.name, c.hex, ...keys].join('\n'));
      } },
      contentColumn('Size', 'c-size', (c) => number(c.lengthBytes), bytes),
      contentColumn('Files', 'c-files', (c) => number(c.fileCount), count),
      { name: 'Seeders', css: 'number c-seeders', by: (c) => number(c.seeders), write(c, cell) {
        cell.classList.toggle('bad', !c.seeders);
        return count(number(c.seeders));
      } },
      { name: 'Leechers', css: 'number c-leechers', by: (c) => number(c.leechers), write: (c) => count(number(c.leechers)) },
      { name: 'Published', css: 'number c-seen soft', by: (c) => c.seen.getTime(), write: (c) => ago(c.seen) },
    ], (c) => c.hex, { page: 50 });
    this.table.sortBy(0, false);
    this.other = h('div', null, bones());
    this.element = h('section', { class: 'view', 'aria-label': 'Contents' }, viewHeader('Contents'),
      h('div', { class: 'tools' }, this.search.element, this.status), h('div', { class: 'card' }, this.table.element, this.other));
    show(this.table.element, false);
  }

  get query() { return { nameContains: this.search.input.value.trim(), pageSize: LISTED_PER_CALL }; }
  get json() { return addressOf(`${SERVICE}/ListContents`, this.query); }

  async load() {
    const query = this.query;
    const found = [];
    let answer = {};
    for (let calls = 0; calls < MOST_CALLS && found.length < MOST_LISTED; ++calls) {
      answer = await get(`${SERVICE}/ListContents`, { ...query, pageToken: answer.nextPageToken });
      found.push(...(answer.contents ?? []).map(contentOf), ...(answer.bittorrentSwarms ?? []).map(swarmOf));
      if (!answer.nextPageToken) break;
    }
    await loadStatus();
    // The search has changed meanwhile.
    if (query.nameContains !== this.query.nameContains) return;
    this.table.set(found);
    showEither(found.length > 0, this.table.element, this.other);
    if (found.length === 0) this.#explain(query.nameContains);
    const warming = seconds(answer.warmingUp);
    put(this.status, (answer.nextPageToken ? `The first ${count(found.length)} by name; search to see others`
      : plural(found.length, 'content')) + (warming > 0 ? ` · just started, complete in ${duration(Math.ceil(warming))}` : ''));
  }

  #explain(asked) {
    this.other.replaceChildren(asked ? emptyState('Nothing has this name', `No content that has a peer has “${asked}” in its name.`)
      : emptyState('No content has a peer', 'A seeder that is given this tracker appears here with what it publishes.'));
  }
}
