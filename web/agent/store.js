// What the page knows of the agent: the state that Watch sends, and who wants to hear of changes. Only Watch
// changes it, so every browser shows the same.

import { fromBase64 } from '../parts/answers.js';
import { History, SPAN_MS } from '../parts/rate_graph.js';
import { Watch } from './api.js';

const number = (value) => Number(value ?? 0);
const time = (value) => (value ? new Date(value) : null);

// Numbers are text in JSON where they may be large, and absent where they are 0. `names`: short name -> that
// in the message.
function numbersOf(json, names) {
  return Object.fromEntries(Object.entries(names).map(([key, name]) => [key, number(json[name])]));
}

const RATES = { received: 'receivedBytes', sent: 'sentBytes', receiveRate: 'receiveRateBytesPerSecond',
  sendRate: 'sendRateBytesPerSecond' };
const DOWNLOAD = { ...RATES, length: 'lengthBytes', wantedBytes: 'wantedBytes', held: 'heldBytes', inOrder: 'inOrderBytes',
  chunkCount: 'chunkCount', receiveLimit: 'receiveLimitBytesPerSecond', sendLimit: 'sendLimitBytesPerSecond',
  files: 'fileCount', wantedFiles: 'wantedFiles', peers: 'connectedPeers', refetched: 'chunksRefetched' };
const PEER = { ...RATES, chunks: 'chunks', failures: 'failures', chunksHeld: 'chunksHeld' };
const TOTALS = { ...RATES, diskUsed: 'diskUsedBytes', diskBudget: 'diskBudgetBytes' };
const LIMITS = { receiveLimit: 'receiveBytesPerSecond', sendLimit: 'sendBytesPerSecond' };

function downloadOf(json) {
  return {
    ...numbersOf(json, DOWNLOAD),
    id: json.id,
    state: (json.state ?? '').replace('STATE_', ''),
    paused: json.paused ?? false,
    pinned: json.pinned ?? false,
    glob: json.followedGlob ?? '',
    hex: json.contentHex ?? '',
    name: json.name || json.wanted || '',
    place: json.targetPath || json.outputFolder || '',
    timeLeft: json.timeLeft === undefined ? Infinity : parseFloat(json.timeLeft),
    waiting: json.waitingBecause ?? '',
    failure: json.failure ?? null,
    added: time(json.added),
    completed: time(json.completed),
    trackers: json.trackers ?? [],
    signer: json.signer,
  };
}

const totalsOf = (json) => ({ ...numbersOf(json, TOTALS), ...numbersOf(json.limits ?? {}, LIMITS), trackers: json.trackers ?? [],
  version: json.version ?? '' });

const peerOf = (json) => ({
  ...numbersOf(json, PEER), key: json.peerHex || json.endpoint, endpoint: json.endpoint ?? '', site: json.site ?? '',
  connected: json.connected ?? false, dropped: json.droppedBecause ?? '',
});

function eventOf(json) {
  return { sequence: number(json.sequence), time: time(json.time), download: json.downloadId ?? '0', kind: json.kind ?? '',
    text: json.text ?? '' };
}

function chunksOf(json) {
  return json && {
    count: json.chunkCount ?? 0,
    perCell: json.chunksPerCell ?? 1,
    held: fromBase64(json.held),
    underWay: fromBase64(json.underWay),
    availability: fromBase64(json.availability),
    source: fromBase64(json.source),
    sources: json.sources ?? [],
  };
}

const KEPT_EVENTS = 300;
const SOON = -1;
// Hundreds of rates need not change four times a second. All else is shown at once.
const PAUSE_MS = (downloads) => Math.min(1000, 200 + 5 * downloads);

// A graph goes on where it was when the page is loaded again.
function earlierSamples() {
  try {
    return JSON.parse(sessionStorage.getItem('shoal.history') ?? '[]').filter((sample) => sample.time > Date.now() - SPAN_MS);
  } catch {
    return [];
  }
}

class Store {
  phase = 'loading'; // "live", "lost", "denied"
  downloads = new Map(); // by id, in the order in which they were added
  totals = totalsOf({});
  follows = [];
  events = []; // oldest first
  details = null; // of the download that is watched: {id, peers, chunks, events}
  files = new Map(); // of that download: index -> {held, priority}
  history = new History(earlierSamples());
  detailHistory = new History();

  #listeners = new Set();
  #news = { ids: new Set(), events: [] };
  #due = 0; // the timer of the next paint; SOON: it is on its way
  #shown = 0;
  #watched = undefined;

  constructor() {
    this.watch = new Watch((json) => this.#take(json), (phase) => this.#enter(phase));
    addEventListener('pagehide', () => {
      try { sessionStorage.setItem('shoal.history', JSON.stringify(this.history.samples)); } catch { /* starts anew */ }
    });
  }

  open() { this.watch.open(this.#watched); }

  // Asks for the details of a download, or of none (undefined).
  watchDetails(id) {
    if (this.#watched === id) return;
    this.#watched = id;
    this.details = null;
    this.files = new Map();
    this.detailHistory = new History();
    this.open();
  }

  // `listener(news)` is called before the next paint with what changed: {all, ids (a Set), totals, follows,
  // events, details, phase}.
  subscribe(listener) { this.#listeners.add(listener); }

  // What is noted from now on. `soon`: it is shown with the next paint; otherwise when the time has come.
  #tell(soon) {
    if (this.#due === 0) this.#due = setTimeout(() => this.#paint(), this.#shown + PAUSE_MS(this.downloads.size) - performance.now());
    if (soon && this.#due !== SOON) {
      clearTimeout(this.#due);
      this.#paint();
    }
  }

  #paint() {
    this.#due = SOON;
    requestAnimationFrame(() => {
      const news = this.#news;
      this.#news = { ids: new Set(), events: [] };
      this.#due = 0;
      this.#shown = performance.now();
      for (const listener of this.#listeners) listener(news);
    });
  }

  #enter(phase) {
    if (this.phase === phase) return;
    this.phase = phase;
    this.#news.phase = true;
    this.#tell(true);
  }

  #take(json) {
    const news = this.#news;
    let soon = Boolean(json.snapshot || json.removed?.length || json.follows || json.events?.length || json.details);
    if (json.snapshot) {
      news.all = news.totals = news.follows = news.snapshot = true;
      this.downloads = new Map();
      this.follows = json.follows?.rules ?? [];
      this.events = [];
    }
    for (const changed of json.changed ?? []) {
      const before = this.downloads.get(changed.id);
      const now = downloadOf(changed);
      if (!before) news.all = true;
      soon ||= !before || before.state !== now.state || before.paused !== now.paused || before.pinned !== now.pinned;
      this.downloads.set(changed.id, now);
      news.ids.add(changed.id);
    }
    for (const id of json.removed ?? []) {
      news.all = this.downloads.delete(id) || news.all;
    }
    if (json.totals) {
      this.totals = totalsOf(json.totals);
      news.totals = true;
    }
    this.history.add(this.totals.receiveRate, this.totals.sendRate);
    if (json.follows && !json.snapshot) {
      this.follows = json.follows.rules ?? [];
      news.follows = true;
    }
    this.#takeEvents(json, news);
    if (json.details && json.details.download?.id === this.#watched) this.#takeDetails(json, news);
    this.#tell(soon);
  }

  #takeEvents(json, news) {
    if (!json.events?.length) return;
    const events = json.events.map(eventOf);
    this.events.push(...events);
    if (this.events.length > KEPT_EVENTS) this.events.splice(0, this.events.length - KEPT_EVENTS);
    news.logged = true;
    if (!json.snapshot) news.events.push(...events);
  }

  #takeDetails(json, news) {
    const { download, peers = [], chunks, events = [] } = json.details;
    this.downloads.set(download.id, downloadOf(download));
    news.ids.add(download.id);
    this.details = { id: download.id, peers: peers.map(peerOf), chunks: chunksOf(chunks), events: events.map(eventOf) };
    for (const file of json.files ?? []) {
      this.files.set(file.index ?? 0, { held: number(file.heldBytes), priority: file.priority ?? 'FILE_PRIORITY_NORMAL' });
    }
    const now = this.downloads.get(download.id);
    this.detailHistory.add(now.receiveRate, now.sendRate);
    news.details = true;
  }
}

export const store = new Store();
