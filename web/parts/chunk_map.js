// A map of the chunks of a content, on a canvas: what is held, what is on its way, how many peers have the
// rest. The pointer or the arrow keys look at one cell.

import { h, put, segmented } from './dom.js';
import { count, plural } from './format.js';
import { coloursOf, fitted, keepDrawn } from './rate_graph.js';

// By hue and by lightness, so that they differ for everybody. Index 0: nobody knows.
const SOURCE_HUES = [195, 28, 265, 140, 330, 80, 230, 0];

const MODES = ['Progress', 'Availability', 'Sources'];

function mixed(from, to, share) {
  const channels = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
  const [a, b] = [channels(from), channels(to)];
  return `rgb(${a.map((value, i) => Math.round(value + (b[i] - value) * share)).join(' ')})`;
}

export class ChunkMap {
  // `modes`: how many of the ways to look at it there are, of those above.
  constructor(modes = MODES.length) {
    this.mode = 0;
    this.at = -1;
    this.most = 0;
    this.canvas = h('canvas', { tabindex: 0, role: 'img', 'aria-describedby': 'map-hint' });
    this.output = h('output');
    this.legend = h('div', { class: 'map-line' });
    this.summary = h('span', { class: 'soft' });
    const hint = h('span', { class: 'unseen', id: 'map-hint' }, 'Arrow keys look at single cells.');
    const choice = modes > 1 && segmented('Look at', MODES.slice(0, modes), (index) => { this.mode = index; this.#draw(); });
    this.element = h('section', { class: 'card', 'aria-label': 'Chunks' },
      h('div', { class: 'card-head' }, h('h2', null, 'Chunks'), this.summary, h('div', { class: 'aside' }, choice)),
      h('div', { class: 'map' }, this.canvas, this.legend, hint));
    this.canvas.addEventListener('pointermove', (event) => this.#look(this.#cellAt(event.offsetX, event.offsetY)));
    this.canvas.addEventListener('pointerleave', () => this.#look(-1));
    this.canvas.addEventListener('blur', () => this.#look(-1));
    this.canvas.addEventListener('keydown', (event) => this.#key(event));
    keepDrawn(this.canvas, () => this.#draw());
  }

  // `chunks`: as in the store; `held` may be absent where nothing is downloaded.
  show(chunks) {
    this.chunks = chunks;
    this.most = chunks.availability.reduce((most, value) => Math.max(most, value), 0);
    const size = plural(chunks.count, 'chunk');
    put(this.summary, chunks.perCell > 1 ? `${size}, ${count(chunks.perCell)} in a cell` : size);
    this.#draw();
    if (this.at >= 0) this.#look(this.at);
  }

  #cells() { return Math.ceil(this.chunks.count / this.chunks.perCell); }

  #cellAt(left, top) {
    if (!this.chunks) return -1;
    const column = Math.floor(left / this.pitch);
    const row = Math.floor(top / this.pitch);
    const cell = row * this.columns + column;
    return column < this.columns && cell >= 0 && cell < this.#cells() ? cell : -1;
  }

  #corner(cell) { return [(cell % this.columns) * this.pitch, Math.floor(cell / this.columns) * this.pitch]; }

  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns }[event.key];
    if (!this.chunks || (step === undefined && event.key !== 'Home' && event.key !== 'End')) return;
    event.preventDefault();
    const last = this.#cells() - 1;
    const to = event.key === 'Home' ? 0 : event.key === 'End' ? last : this.at < 0 ? 0 : this.at + step;
    this.#look(Math.max(0, Math.min(last, to)));
  }

  #look(cell) {
    if (cell === this.at && cell < 0) return;
    this.at = cell;
    put(this.output, cell < 0 ? '' : this.#describe(cell));
    this.#draw();
  }

  #describe(cell) {
    const { count: all, perCell, held, underWay, availability, source, sources } = this.chunks;
    const first = cell * perCell;
    const last = Math.min(all, first + perCell) - 1;
    const words = [first === last ? `Chunk ${count(first)}` : `Chunks ${count(first)}–${count(last)}`];
    if (held) {
      const share = held[cell] === 255 ? 'here' : held[cell] > 0 ? `${Math.floor(held[cell] / 2.55)} % here` : 'not here';
      words.push(held[cell] < 255 && underWay[cell] > 0 ? `${share}, on its way` : share);
    }
    const peers = availability[cell] ?? 0;
    words.push(`${plural(peers, 'peer')}${peers === 255 ? ' or more' : ''} with ${perCell > 1 ? 'all of it' : 'it'}`);
    if (source?.[cell] > 0) words.push(`brought by ${sources[source[cell] - 1]}`);
    return words.join(' · ');
  }

  #draw() {
    if (!this.chunks || this.canvas.clientWidth === 0) return;
    this.colours = coloursOf('none', 'sea', 'warn', 'bad', 'ink');
    const cells = this.#cells();
    const width = this.canvas.clientWidth;
    // As large as fits into about 170 pixels of height; rows end with the width.
    this.pitch = Math.max(5, Math.min(18, Math.floor(Math.sqrt((width * 170) / cells))));
    this.columns = Math.max(1, Math.floor(width / this.pitch));
    const height = Math.ceil(cells / this.columns) * this.pitch;
    if (this.height !== height) this.canvas.style.height = `${this.height = height}px`;
    const { context } = fitted(this.canvas, height);
    const gap = this.pitch > 6 ? 2 : 1;
    const paint = [this.#progress, this.#availability, this.#sources][this.mode].bind(this);
    for (let cell = 0; cell < cells; ++cell) {
      context.fillStyle = paint(cell);
      context.fillRect(...this.#corner(cell), this.pitch - gap, this.pitch - gap);
    }
    if (this.at >= 0) {
      context.strokeStyle = this.colours.ink;
      context.lineWidth = 2;
      context.strokeRect(...this.#corner(this.at), this.pitch - gap, this.pitch - gap);
    }
    this.#explain();
  }

  #progress(cell) {
    const { none, sea, warn } = this.colours;
    const { held, underWay } = this.chunks;
    if (held?.[cell] === 255) return sea;
    if (underWay?.[cell] > 0) return warn;
    return held?.[cell] > 0 ? mixed(none, sea, .15 + .7 * (held[cell] / 255)) : none;
  }

  #availability(cell) {
    const { none, sea, bad } = this.colours;
    const peers = this.chunks.availability[cell] ?? 0;
    const most = Math.max(2, this.most);
    if (peers === 0) return this.chunks.held?.[cell] === 255 ? none : bad;
    return mixed(none, sea, .2 + .8 * Math.min(1, peers / most));
  }

  #sources(cell) {
    const index = this.chunks.source?.[cell] ?? 0;
    if (index === 0) return this.chunks.held?.[cell] > 0 ? mixed(this.colours.none, this.colours.ink, .45) : this.colours.none;
    return this.#hue(index - 1);
  }

  #hue(index) {
    return `hsl(${SOURCE_HUES[index % SOURCE_HUES.length]} 58% ${52 + 12 * (Math.floor(index / SOURCE_HUES.length) % 3 - 1)}%)`;
  }

  // The legend, for eyes; and the same as a sentence for screen readers.
  #explain() {
    const { none, sea, warn, bad } = this.colours;
    const { held, sources = [] } = this.chunks;
    let entries;
    if (this.mode === 0 && held) entries = [['here', sea], ['on its way', warn], ['missing', none]];
    else if (this.mode === 1 || !held) entries = [['no peer', bad], ['1 peer', mixed(none, sea, .2 + .8 / Math.max(2, this.most))],
      [plural(Math.max(2, this.most), 'peer'), sea]];
    else entries = sources.slice(0, 12).map((name, index) => [name, this.#hue(index)]);
    if (this.mode === 2) entries.push(['an earlier run', mixed(none, this.colours.ink, .45)]);
    const key = `${this.mode} ${entries.map(([name]) => name)} ${sea}`;
    if (this.explained !== key) {
      this.explained = key;
      this.legend.replaceChildren(...entries.map(([name, paint]) => {
        const swatch = h('i', { class: 'swatch' });
        swatch.style.background = paint;
        return h('span', null, swatch, name);
      }), this.output);
    }
    const here = held ? held.reduce((sum, value) => sum + (value === 255), 0) : 0;
    const label = held ? `${MODES[this.mode]} of the chunks: ${count(here)} of ${plural(this.#cells(), 'cell')} complete`
      : `Availability of ${plural(this.chunks.count, 'chunk')}`;
    if (this.label !== label) this.canvas.setAttribute('aria-label', this.label = label);
  }
}
