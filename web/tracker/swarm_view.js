// One swarm: what its peers hold, and what they send each other. The tracker knows of rates what heartbeats say.

import { addressOf } from '../parts/answers.js';
import { ChunkMap } from '../parts/chunk_map.js';
import { Facts, attribute, bones, emptyState, h, icon, plain, put, show, showEither } from '../parts/dom.js';
import { ago, bytes, count, duration, plural, rate } from '../parts/format.js';
import { get, number, viewHeader } from '../parts/polled_page.js';
import { History, RateGraph } from '../parts/rate_graph.js';
import { Table, rateColumn, shareColumn } from '../parts/table.js';
import { availabilityOf } from './chunk_sets.js';
import { SERVICE, loadStatus, seconds } from './tracker_status.js';

const MAP_CELLS = 2048;
const INFO_HASH_DIGITS = 40;
const AVAILABILITY = 1; // the mode of the map

const addressText = ({ ip = '', port = 0 } = {}) => `${ip.includes(':') ? `[${ip}]` : ip}:${port}`;

function peerOf({ peer = {}, ...lease }, chunks) {
  return {
    key: peer.peerHex,
    address: addressText(peer.endpoint),
    others: (peer.otherEndpoints ?? []).map(addressText),
    site: lease.site ?? '',
    role: lease.publishes ? 'Publisher' : peer.complete ? 'Seeder' : 'Leecher',
    held: peer.complete ? chunks : number(peer.chunksHeld),
    receiveRate: number(lease.receiveRateBytesPerSecond),
    sendRate: number(lease.sendRateBytesPerSecond),
    sent: number(lease.sentBytes),
    slots: number(peer.freeSlots),
    left: seconds(lease.leaseLeft),
    chunks,
  };
}

// Of BitTorrent clients the tracker knows the address, and whether they have everything.
function bitTorrentPeerOf({ endpoint, complete, silentFor }) {
  const address = addressText(endpoint);
  return { ...peerOf({ peer: { endpoint, complete, peerHex: address } }, complete ? 1 : 0), slots: NaN, silent: seconds(silentFor), left: NaN };
}

export class SwarmView {
  title = 'Swarm';
  below = '';

  constructor() {
    this.header = viewHeader('Swarm');
    this.name = this.header.querySelector('h1');
    this.facts = new Facts('hero-left');
    this.graph = new RateGraph('Rates of all peers');
    this.map = new ChunkMap(0);
    this.map.mode = AVAILABILITY;
    this.mapPlace = h('div', { class: 'gap' }, this.map.element);
    const share = shareColumn('Has', (p) => p.held, (p) => p.chunks);
    this.peers = new Table('Peers', 'swarm', [
      { name: 'Address', css: 'cell-name c-name', by: (p) => p.address, rising: true, make: () => h('strong'), write(p, cell) {
        put(cell.firstChild, p.address);
        attribute(cell, 'title', p.others.length > 0 ? `Also ${p.others.join(', ')}` : null);
      } },
      { name: 'Role', css: 'c-role', by: (p) => p.role, rising: true, write: (p) => p.role },
      { name: 'Site', css: 'c-site soft', by: (p) => p.site, rising: true, write: (p) => p.site },
      { ...share, write(p, cell) {
        // How much a BitTorrent client has is not known until it has all.
        for (const part of cell.children) show(part, p.chunks > 0);
        share.write(p, cell);
      } },
      rateColumn('Receiving', 'in', (p) => p.receiveRate),
      rateColumn('Sending', 'out', (p) => p.sendRate),
      { name: 'Sent', css: 'number c-sent', by: (p) => p.sent, write: (p) => (p.sent > 0 ? bytes(p.sent) : '') },
      { name: 'Slots', css: 'number c-slots', by: (p) => p.slots, write: (p) => (p.slots >= 0 ? count(p.slots) : '') },
      { name: 'Lease', css: 'number c-left soft', by: (p) => p.left,
        write: (p) => (p.silent >= 0 ? `${duration(p.silent)} ago` : duration(p.left)) },
    ], (p) => p.key, { page: 50 });
    this.peers.sortBy(3, true);
    this.more = h('span', { class: 'soft' });
    this.card = h('div', { class: 'card gap' }, h('div', { class: 'card-head' }, h('h2', null, 'Peers'), this.more), this.peers.element);
    this.content = h('div', null, h('div', { class: 'card hero' }, this.facts.parent, this.graph.element), this.mapPlace, this.card);
    this.other = h('div', { class: 'card' }, bones());
    this.element = h('section', { class: 'view', 'aria-label': 'Swarm' }, h('a', { class: 'back', href: '#/' }, icon('back'), 'Contents'),
      this.header, this.content, this.other);
    show(this.content, false);
  }

  get query() { return this.hex?.length === INFO_HASH_DIGITS ? { infoHashHex: this.hex } : { contentHex: this.hex }; }
  get json() { return addressOf(`${SERVICE}/GetSwarm`, this.query); }

  async load(hex) {
    if (this.hex !== hex) {
      this.hex = hex;
      this.history = new History();
      put(this.name, this.title = hex.slice(0, 16));
      showEither(false, this.content, this.other);
      this.other.replaceChildren(bones());
    }
    const swarm = await get(`${SERVICE}/GetSwarm`, this.query).catch((error) => {
      if (error.code === 'not_found' || error.code === 'invalid_argument') return null;
      throw error;
    });
    await loadStatus();
    if (this.hex !== hex) return;
    showEither(swarm !== null, this.content, this.other);
    if (swarm) this.#show(swarm);
    else this.other.replaceChildren(emptyState('No peer has this content', 'Its last peer left, or it was never published here.',
      h('a', { class: 'button main', href: '#/' }, 'To the contents')));
  }

  #show({ content, peers = [], bittorrentSwarm = {}, bittorrentPeers = [] }) {
    const { summary = {} } = content ?? {};
    const chunks = number(summary.chunkCount);
    const shown = content ? peers.map((peer) => peerOf(peer, chunks)) : bittorrentPeers.map(bitTorrentPeerOf);
    put(this.name, this.title = plain(summary.name ?? this.hex));
    const sum = (key) => shown.reduce((total, peer) => total + peer[key], 0);
    const [receive, send] = [sum('receiveRate'), sum('sendRate')];
    const { seeders, leechers, firstSeen, published, publishers } = content ?? bittorrentSwarm;
    this.facts.set([
      ['Seeders', count(number(seeders))], ['Leechers', count(number(leechers))],
      ['Publishers', content && count(number(publishers))], ['Completed', !content && count(number(bittorrentSwarm.completed))],
      ['Peers receive', content && rate(receive)], ['Peers send', content && rate(send)],
      ['Size', content && bytes(number(summary.lengthBytes))], ['Files', content && count(number(summary.fileCount))],
      ['Chunks', content && `${count(chunks)} of ${bytes(number(summary.chunkSizeBytes))}`],
      ['Left out', summary.leftOutCount && plural(summary.leftOutCount, 'entry', 'entries')],
      ['Published', ago(published && new Date(published))], ['First seen', ago(firstSeen && new Date(firstSeen))],
      [content ? 'Content id' : 'Info hash', this.hex, true],
      ['Signed by', content?.signatures?.map(({ publicKey }) => `ed25519:${publicKey}`).join(', '), true],
    ]);
    this.history.add(receive, send);
    show(this.graph.element, content !== undefined);
    this.graph.show(this.history.samples);
    show(this.mapPlace, chunks > 0);
    if (chunks > 0) this.map.show(availabilityOf(chunks, peers, MAP_CELLS));
    this.peers.set(shown);
    const all = number(seeders) + number(leechers);
    put(this.more, all > shown.length ? `${count(shown.length)} of ${count(all)}` : '');
    show(this.card, shown.length > 0);
  }
}
