// The state of the seeder, which the frame of the page shows in each view, and its rate over the last minutes.

import { $, className, put } from '../parts/dom.js';
import { count, duration, rate } from '../parts/format.js';
import { get } from '../parts/polled_page.js';
import { History } from '../parts/rate_graph.js';

export const history = new History();

// Said of a list that does not have everything.
export const shownOf = (shown, total) => (total > shown ? `The first ${count(shown)} of ${count(total)}.` : '');

export async function loadStatus() {
  const status = await get('api/status');
  className($('ready'), `state is-${status.ready ? 'complete' : 'waiting'}`);
  put($('ready').firstChild, status.ready ? 'Ready' : 'Starting');
  put($('rate-out'), rate(status.sendRateBytesPerSecond));
  put($('about'), `Version ${status.version} · up ${duration(status.uptimeSeconds)} · publishes ${status.shareFolder}${status.signer ? ` · signed by ${status.signer}` : ''}`);
  history.add(null, status.sendRateBytesPerSecond); // no line for what it never does
  return status;
}
