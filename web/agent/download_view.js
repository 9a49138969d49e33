// One download: what it is doing, its chunks, files, peers and events.

import * as actions from './actions.js';
import { call } from './api.js';
import { ChunkMap } from '../parts/chunk_map.js';
import { Facts, KeyedRows, attribute, bones, button, className, emptyState, fill, h, icon, iconButton, makeTabs, plain, progressBar, put, show, showEither } from '../parts/dom.js';
import { eventRow } from './events_view.js';
import { FileTree, filesOf, leftOutNote } from './file_tree.js';
import { bytes, count, date, duration, fractionOf, limitsOf, plural, rate, shareOf, sizeOf, stateOf } from '../parts/format.js';
import { RateGraph } from '../parts/rate_graph.js';
import { store } from './store.js';
import { Table, rateColumn, shareColumn } from '../parts/table.js';

const AGAIN_MS = 1000;
const toDownloads = () => { location.hash = '#/'; };

function peerTable() {
  const amount = (value) => (value > 0 ? bytes(value) : '');
  const table = new Table('Peers', 'peers', [
    { name: 'Address', css: 'cell-name c-name', by: (p) => p.endpoint, rising: true, make: () => h('strong'),
      write: (p, cell) => put(cell.firstChild, p.endpoint) },
    { name: 'Site', css: 'c-site soft', by: (p) => p.site, rising: true, write: (p) => p.site },
    shareColumn('Has', (p) => p.chunksHeld, (p) => p.chunkCount),
    rateColumn('Receiving', 'in', (p) => p.receiveRate),
    rateColumn('Sending', 'out', (p) => p.sendRate),
    { name: 'Received', css: 'number c-received', by: (p) => p.received, write: (p) => amount(p.received) },
    { name: 'Sent', css: 'number c-sent', by: (p) => p.sent, write: (p) => amount(p.sent) },
    { name: 'Failures', css: 'number c-failures', by: (p) => p.failures, write: (p) => (p.failures > 0 ? count(p.failures) : '') },
    { name: 'State', css: 'c-state', by: (p) => (p.dropped ? 2 : p.connected ? 0 : 1), rising: true, write(p, cell) {
      className(cell, `c-state ${p.dropped ? 'bad' : p.connected ? '' : 'soft'}`);
      return p.dropped ? `Dropped: ${p.dropped}` : p.connected ? 'Connected' : 'Not connected';
    } },
  ], (p) => p.key, { page: 100 });
  table.sortBy(8, false);
  return table;
}

export class DownloadView {
  title = 'Download';
  below = '';

  constructor() {
    this.name = h('h1', { tabindex: -1 });
    this.words = h('span');
    this.state = h('p', { class: 'state' }, this.words);
    this.pinned = h('span', { class: 'badge' }, icon('pin'), 'Pinned');
    this.rule = h('span', { class: 'badge' }, icon('follow'), h('span'));
    this.toggle = button('Pause', 'pause', () => actions.toggle([this.d]), 'main');
    this.menu = iconButton('More actions', 'more', () => actions.openDownloadMenu(this.menu, this.d, toDownloads));
    const header = h('header', null, this.name, this.pinned, this.rule, h('div', { class: 'aside' }, this.toggle, this.menu));
    this.map = new ChunkMap();
    this.mapPlace = h('div', { class: 'gap' }, this.map.element);
    this.content = h('div', null, header, this.#hero(), this.mapPlace, this.#panels());
    this.missing = h('div', { class: 'card' });
    this.element = h('section', { class: 'view', 'aria-label': 'Download' },
      h('a', { class: 'back', href: '#/' }, icon('back'), 'Downloads'), this.missing, this.content);
  }

  get d() { return store.downloads.get(this.id); }

  #hero() {
    this.percent = h('span', { class: 'percent' });
    this.size = h('span');
    this.bar = progressBar('Progress', 'tall');
    this.inOrder = this.bar.firstElementChild;
    this.held = h('i', { class: 'under' });
    this.bar.prepend(this.held);
    this.facts = new Facts();
    this.graph = new RateGraph('Rates of this download');
    return h('div', { class: 'card hero' },
      h('div', { class: 'hero-left' }, this.state, h('div', { class: 'hero-line' }, this.percent, this.size), this.bar,
        this.facts.parent), this.graph.element);
  }

  #panels() {
    this.filesPanel = h('div', { id: 'panel-files' });
    this.peers = peerTable();
    this.noPeers = emptyState('No peers yet', 'They appear as soon as a tracker names some, or when others fetch from here.');
    const eventBody = h('div', { class: 'rows' });
    this.events = new KeyedRows(eventBody, (event) => event.sequence, eventRow);
    this.noEvents = emptyState('Nothing happened yet', 'What happens to this download is listed here.');
    const panels = [
      { name: 'Files', panel: this.filesPanel },
      { name: 'Peers', panel: h('div', { id: 'panel-peers' }, this.peers.element, this.noPeers) },
      { name: 'Events', panel: h('div', { id: 'panel-events' }, h('div', { class: 'list log' }, eventBody), this.noEvents) },
    ];
    this.tabs = makeTabs('Details', panels);
    return h('div', { class: 'card gap' }, this.tabs.list, panels.map(({ panel }) => panel));
  }

  shown(id) {
    if (this.id !== id) {
      this.id = id;
      this.tree = null;
      this.tabs.choose(0);
      put(this.tabs.buttons[0].firstChild, 'Files');
      this.filesPanel.replaceChildren(bones(3));
      this.filesOf = undefined;
      this.graph.drawn = undefined;
      this.peers.set([]);
      this.events.set([]);
    }
    store.watchDetails(id);
    this.update({ all: true, details: true, ids: new Set([id]) });
  }

  left() {
    clearTimeout(this.timer);
    this.filesOf = undefined;
    this.id = undefined;
    store.watchDetails(undefined);
  }

  update(news) {
    const { d } = this;
    showEither(d !== undefined, this.content, this.missing);
    if (!d) return this.#explainMissing();
    if (news.all || news.ids.has(this.id)) this.#showDownload(d);
    if (news.details) this.#showDetails(d);
    this.graph.show(store.detailHistory.samples);
    this.#wantFiles(d);
  }

  #explainMissing() {
    const loading = store.phase === 'loading';
    if (this.loading === loading) return;
    this.loading = loading;
    this.missing.replaceChildren(loading ? bones()
      : emptyState('This download is not here', 'It was removed, or it never existed.',
        h('a', { class: 'button main', href: '#/' }, 'To the downloads')));
  }

  #showDownload(d) {
    const { kind, text } = stateOf(d);
    this.title = plain(d.name);
    put(this.name, d.name);
    put(this.words, text);
    className(this.state, `state is-${kind}`);
    show(this.pinned, d.pinned);
    show(this.rule, d.glob !== '');
    put(this.rule.lastElementChild, `By the rule ${d.glob}`);
    const action = actions.actionOf(d);
    show(this.toggle, action !== '');
    if (action && this.action !== action) {
      this.toggle.replaceChildren(icon(action === 'Pause' ? 'pause' : 'play'), h('span', null, action));
      this.action = action;
    }
    const complete = d.state === 'COMPLETE';
    put(this.percent, `${shareOf(d)} %`);
    put(this.size, sizeOf(d) || 'size not known yet');
    className(this.bar, `bar tall is-${kind}`);
    attribute(this.bar, 'aria-valuenow', shareOf(d));
    attribute(this.bar, 'title', complete ? '' : `The first ${bytes(d.inOrder)} without a gap`);
    fill(this.bar, fractionOf(d), this.held);
    fill(this.bar, complete ? 1 : d.inOrder / Math.max(1, d.wantedBytes), this.inOrder);
    this.facts.set([
      ['Receiving', !complete && rate(d.receiveRate)], ['Sending', rate(d.sendRate)],
      ['Time left', !complete && (d.paused ? 'paused' : duration(d.timeLeft) || 'unknown')],
      ['Peers', count(d.peers)], ['Received', bytes(d.received)],
      ['Sent', bytes(d.sent) + (d.received > 0 ? ` · ${(d.sent / d.received).toFixed(2)}×` : '')],
      ['Limit', limitsOf(d)],
      ['Files', d.files > 0 && (d.wantedFiles < d.files ? `${count(d.wantedFiles)} of ${count(d.files)}` : count(d.files))],
      ['Fetched again', d.refetched > 0 && plural(d.refetched, 'chunk')],
      ['Added', date(d.added)], ['Completed', date(d.completed)],
      ['Trackers', d.trackers.join(', '), true],
      ['Place on the disk', d.place, true],
      ['Content id', d.hex, true],
      [d.signer?.trusted ? 'Signed by (trusted)' : 'Signed by', d.signer?.key, true],
    ]);
  }

  #showDetails(d) {
    const details = store.details?.id === this.id ? store.details : null;
    show(this.mapPlace, Boolean(details?.chunks));
    if (details?.chunks) this.map.show(details.chunks);
    const peers = details?.peers ?? [];
    for (const peer of peers) peer.chunkCount = d.chunkCount;
    this.peers.set(peers);
    showEither(peers.length > 0, this.peers.element, this.noPeers);
    put(this.tabs.buttons[1].firstChild, peers.length > 0 ? `Peers ${count(peers.length)}` : 'Peers');
    const events = [...(details?.events ?? [])].reverse();
    this.events.set(events);
    show(this.noEvents, events.length === 0);
    if (!this.tree || !details) return;
    let changed = this.tree.download.state !== d.state;
    this.tree.download = d;
    for (const [index, { held, priority }] of store.files) {
      const file = this.tree.files[index];
      if (!file || (file.held === held && file.priority === priority)) continue;
      Object.assign(file, { held, priority });
      changed = true;
    }
    if (changed && !this.filesPanel.hidden) this.tree.render();
  }

  // The files are asked for once, when the manifest is there; Watch sends what changes.
  async #wantFiles(d) {
    if (this.filesOf === d.id || store.phase !== 'live') return;
    this.filesOf = d.id;
    try {
      const manifest = await call('GetManifest', { downloadId: d.id });
      if (this.id !== d.id) return;
      this.tree = new FileTree(filesOf(manifest), this.d, async (rules) => {
        if (await actions.attempt('SetFilePriority', { id: d.id, rules }) || this.id !== d.id) return;
        // Shows what the priorities are.
        this.filesOf = undefined;
        this.update({ ids: new Set() });
      });
      this.filesPanel.replaceChildren(this.tree.element, leftOutNote(manifest));
      put(this.tabs.buttons[0].firstChild, `Files ${count(manifest.fileCount ?? manifest.files?.length ?? 0)}`);
    } catch (error) {
      if (this.id !== d.id) return;
      const soon = ['unavailable', 'unreachable', 'unauthenticated'].includes(error.code);
      if (!soon) return this.filesPanel.replaceChildren(emptyState('The files can’t be shown', error.message));
      if (!this.filesPanel.querySelector('.empty')) this.filesPanel.replaceChildren(emptyState('Not known yet',
        'The list of files comes from the first peer that is reached.'));
      this.timer = setTimeout(() => { this.filesOf = undefined; this.update({ ids: new Set() }); }, AGAIN_MS);
    }
  }

  #act(action) {
    if (this.d) action([this.d]);
  }

  keys = {
    p: () => this.#act(actions.toggle),
    v: () => this.#act(actions.verify),
    Delete: () => this.#act((all) => actions.remove(all, toDownloads)),
    Escape: toDownloads,
    1: () => this.tabs.choose(0),
    2: () => this.tabs.choose(1),
    3: () => this.tabs.choose(2),
  };
}
