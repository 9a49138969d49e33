// The control API of an agent, over HTTP: unary calls by the rules of the Connect protocol, and the stream of
// changes as Server-Sent Events.

import { addressOf, answerOf } from '../parts/answers.js';
import { authorization, token } from '../parts/token.js';

const SERVICE = 'api/shoal.leecher.v1.DownloadsService';

// Calls a method. Returns its response; throws ApiError. The window gets a "denied" when a token is missing or wrong.
export async function call(method, request = {}, signal = undefined) {
  const headers = { 'Content-Type': 'application/json', ...authorization() };
  try {
    return await answerOf(fetch(`${SERVICE}/${method}`, { method: 'POST', headers, body: JSON.stringify(request), signal, cache: 'no-store' }));
  } catch (error) {
    if (error.code === 'unauthenticated') dispatchEvent(new Event('denied'));
    throw error;
  }
}

// EventSource and links can't set headers, so they carry the token in the query.
function withToken(address, query = {}) {
  return addressOf(address, { ...query, access_token: token });
}

// The address of a file of a content, complete or not.
export function contentAddress(hex, path, save = false) {
  const encoded = path.split('/').map(encodeURIComponent).join('/');
  return withToken(`content/${hex}/${encoded}`, save ? { download: 1 } : {});
}

export const toBase64 = (buffer) => btoa(new Uint8Array(buffer).reduce((text, byte) => text + String.fromCharCode(byte), ''));

export const randomId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

const FIRST_PAUSE_MS = 400;
const LONGEST_PAUSE_MS = 4000;
// A stream that lives says something every 15 s.
const SILENCE_MS = 40000;

// The stream of changes. It is opened again whenever it breaks; each time, its first message is a snapshot.
export class Watch {
  // `message(json)`: one WatchResponse. `phase(name)`: "live", "lost" or "denied".
  constructor(message, phase) {
    this.message = message;
    this.phase = phase;
    this.pause = FIRST_PAUSE_MS;
    addEventListener('online', () => this.#now());
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.#now(); });
    addEventListener('pagehide', () => this.#close());
    addEventListener('pageshow', (event) => { if (event.persisted) this.open(this.details); });
  }

  // Begins, or begins again with the details of a download.
  open(details = undefined) {
    this.details = details;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.#close();
    const source = this.source = new EventSource(withToken(`${SERVICE}/Watch`, { detailsOf: details }));
    this.#heard();
    source.onmessage = (event) => {
      this.#heard();
      this.pause = FIRST_PAUSE_MS;
      this.phase('live');
      this.message(JSON.parse(event.data));
    };
    source.addEventListener('alive', this.#heard);
    source.onerror = this.#lose;
  }

  #heard = () => {
    clearTimeout(this.silence);
    this.silence = setTimeout(this.#lose, SILENCE_MS);
  };

  #lose = () => {
    this.#close();
    this.phase('lost');
    this.#later();
  };

  #close() {
    clearTimeout(this.silence);
    this.source?.close();
    this.source = undefined;
  }

  #now() {
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.#ask();
  }

  #later() {
    this.timer = setTimeout(() => this.#ask(), this.pause);
    this.pause = Math.min(LONGEST_PAUSE_MS, this.pause * 1.6);
  }

  // EventSource does not say why it failed. A call does: no answer, or a token that is missing.
  async #ask() {
    this.timer = undefined;
    try {
      await call('Get', { id: '0' }, AbortSignal.timeout(8000));
    } catch (error) {
      if (error.code === 'unauthenticated') return this.phase('denied');
      if (error.code === 'unreachable' || error.code === 'unavailable') return this.#later();
    }
    if (this.source === undefined) this.open(this.details);
  }
}
