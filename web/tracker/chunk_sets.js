// Chunk sets of peers (docs/wire_format.md, "Chunk set"), and how many peers have each chunk. Pure.

import { fromBase64 } from '../parts/answers.js';

const ALL = 1;
const RUNS = 2;
const BITMAP = 3;

// Calls `run(first, length)` for each run of a chunk set. What is malformed is not held.
function eachRun({ encoded, size = 0 }, run) {
  const set = fromBase64(encoded);
  let at = 1;
  const next = () => {
    let value = 0;
    for (let scale = 1; at < set.length; scale *= 128) {
      const byte = set[at++];
      value += (byte & 127) * scale;
      if (byte < 128) break;
    }
    return value;
  };
  if (set[0] === ALL) run(0, size);
  else if (set[0] === BITMAP) {
    for (let chunk = 0; chunk < size; ++chunk) if ((set[1 + (chunk >> 3)] >> (chunk & 7)) & 1) run(chunk, 1);
  } else if (set[0] === RUNS) {
    for (let chunk = 0; at < set.length;) {
      chunk += next();
      const length = Math.min(next(), size - chunk);
      if (length <= 0) break;
      run(chunk, length);
      chunk += length;
    }
  }
}

// For a ChunkMap of at most `cells` cells: how many of the peers of a GetSwarmResponse have the rarest chunk of each.
export function availabilityOf(chunks, peers, cells) {
  const changes = new Int32Array(chunks + 1);
  const add = (first, length) => { ++changes[first]; --changes[first + length]; };
  for (const { peer = {}, held } of peers) {
    if (peer.complete) add(0, chunks);
    else if (held?.size === chunks) eachRun(held, add);
  }
  const perCell = Math.max(1, Math.ceil(chunks / cells));
  const availability = new Uint8Array(Math.ceil(chunks / perCell)).fill(255);
  for (let chunk = 0, have = 0; chunk < chunks; ++chunk) {
    have += changes[chunk];
    const cell = Math.floor(chunk / perCell);
    availability[cell] = Math.min(availability[cell], have);
  }
  return { count: chunks, perCell, availability };
}
