// The state of the tracker, which the frame of the page shows in each view.

import { $, className, put } from '../parts/dom.js';
import { duration } from '../parts/format.js';
import { get, number } from '../parts/polled_page.js';

export const STATUS = 'api/status';
export const SERVICE = 'api/shoal.tracker.v1.TrackerService';

// Durations of protobuf: "1.5s".
export const seconds = (text = '0s') => parseFloat(text);

export async function loadStatus() {
  const status = await get(STATUS);
  className($('ready'), `state is-${status.ready ? 'complete' : 'failed'}`);
  put($('ready').firstChild, status.ready ? 'Taking calls' : 'Not taking calls');
  put($('about'), `Version ${status.version} · up ${duration(number(status.uptimeSeconds))} · lease ${duration(number(status.leaseSeconds))}`);
  return status;
}
