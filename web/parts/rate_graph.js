// A graph of rates over the last minutes, on a canvas. Its colours are those of the style.

import { h, attribute } from './dom.js';
import { rate, clock } from './format.js';

export const SPAN_MS = 5 * 60 * 1000;
const LEFT = 74;
const BOTTOM = 18;
const TOP = 8;

// The next of 1, 2, 5, 10 ... of a binary unit at or above.
function niceCeiling(value) {
  let unit = 1024;
  while (unit * 1024 <= value) unit *= 1024;
  for (const step of [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]) if (unit * step >= value) return unit * step;
  return value;
}

export function coloursOf(...names) {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

// Draws again when the size or the colours change.
export function keepDrawn(canvas, draw) {
  new ResizeObserver(draw).observe(canvas);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
}

// Fits a canvas to its place and the pixels of the screen. Returns its context, in CSS pixels, cleared.
export function fitted(canvas, height = canvas.clientHeight) {
  const width = canvas.clientWidth;
  const scale = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const context = canvas.getContext('2d');
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

// Rates by the second, for a graph.
export class History {
  constructor(samples = []) { this.samples = samples; }

  add(receive, send, now = Date.now()) {
    const last = this.samples.at(-1);
    if (last && now - last.time < 900) Object.assign(last, { receive, send });
    else this.samples.push({ time: now, receive, send });
    while (this.samples[0].time < now - SPAN_MS) this.samples.shift();
  }
}

export class RateGraph {
  constructor(label) {
    this.label = label;
    this.canvas = h('canvas', { role: 'img', 'aria-label': label });
    this.element = h('div', { class: 'graph' }, this.canvas);
    this.canvas.addEventListener('pointermove', (event) => { this.pointer = event.offsetX; this.#again(); });
    this.canvas.addEventListener('pointerleave', () => { this.pointer = undefined; this.#again(); });
    keepDrawn(this.canvas, () => this.#again());
  }

  #again() { if (this.samples) this.#draw(); }

  // Draws at most once a second; more would show nothing new.
  show(samples) {
    this.samples = samples;
    const last = samples.at(-1)?.time;
    if (last === this.drawn || this.canvas.clientWidth === 0) return;
    this.drawn = last;
    this.#draw();
    const now = samples.at(-1);
    if (now) attribute(this.canvas, 'aria-label', `${this.label}. Now receiving ${rate(now.receive)}, sending ${rate(now.send)}.`);
  }

  #draw() {
    const { context, width, height } = fitted(this.canvas);
    if (width === 0) return;
    const colours = coloursOf('soft', 'line', 'in', 'out', 'ink', 'raised');
    const samples = this.samples;
    const end = samples.at(-1)?.time ?? Date.now();
    const top = niceCeiling(1.1 * samples.reduce((most, sample) => Math.max(most, sample.receive, sample.send), 900));
    const x = (time) => width - 4 - ((end - time) / SPAN_MS) * (width - LEFT - 4);
    const y = (value) => TOP + (1 - value / top) * (height - TOP - BOTTOM);
    context.font = '12px system-ui, sans-serif';
    context.lineWidth = 1;
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    for (const share of [0, .5, 1]) {
      context.strokeStyle = colours.line;
      context.beginPath();
      context.moveTo(LEFT, Math.round(y(share * top)) + .5);
      context.lineTo(width, Math.round(y(share * top)) + .5);
      context.stroke();
      context.fillStyle = colours.soft;
      context.fillText(share === 0 ? '0' : rate(share * top).replace(/\.0+ /, ' '), LEFT - 8, y(share * top));
    }
    context.textBaseline = 'bottom';
    context.textAlign = 'center';
    for (let minute = 1; minute < 5; ++minute) context.fillText(`−${minute} min`, x(end - minute * 60000), height);
    this.#line(context, x, y, 'receive', colours.in, true);
    this.#line(context, x, y, 'send', colours.out, false);
    if (this.pointer >= LEFT) this.#pointed(context, x, y, width, height, colours);
  }

  #line(context, x, y, key, stroke, filled) {
    if (this.samples.at(-1)?.[key] === null) return;
    // Samples without a gap between them; in a gap the page was not there.
    const runs = [];
    for (const sample of this.samples) {
      if (sample.time - runs.at(-1)?.at(-1).time < 5000) runs.at(-1).push(sample);
      else runs.push([sample]);
    }
    context.strokeStyle = context.fillStyle = stroke;
    context.lineWidth = 1.75;
    context.lineJoin = 'round';
    for (const run of runs) {
      context.beginPath();
      for (const sample of run) context.lineTo(x(sample.time), y(sample[key]));
      context.stroke();
      if (!filled) continue;
      context.lineTo(x(run.at(-1).time), y(0));
      context.lineTo(x(run[0].time), y(0));
      context.globalAlpha = .13;
      context.fill();
      context.globalAlpha = 1;
    }
  }

  #pointed(context, x, y, width, height, colours) {
    const nearest = this.samples.reduce((best, sample) =>
      Math.abs(x(sample.time) - this.pointer) < Math.abs(x(best.time) - this.pointer) ? sample : best, this.samples[0]);
    if (!nearest || Math.abs(x(nearest.time) - this.pointer) > 12) return;
    const at = x(nearest.time);
    context.strokeStyle = colours.soft;
    context.beginPath();
    context.moveTo(at, TOP);
    context.lineTo(at, height - BOTTOM);
    context.stroke();
    const text = `${clock(new Date(nearest.time))}   ↓ ${rate(nearest.receive)}   ↑ ${rate(nearest.send)}`;
    const wide = context.measureText(text).width + 16;
    const left = Math.max(LEFT, Math.min(width - wide, at - wide / 2));
    context.fillStyle = colours.raised;
    context.strokeStyle = colours.line;
    context.beginPath();
    context.roundRect(left, TOP - 4, wide, 22, 6);
    context.fill();
    context.stroke();
    context.fillStyle = colours.ink;
    context.textAlign = 'left';
    context.textBaseline = 'middle';
    context.fillText(text, left + 8, TOP + 7);
  }
}
