// The page of the seeder: what it publishes, who fetches, and what was left out.

import { runPage } from '../parts/polled_page.js';
import { ContentsView } from './contents_view.js';
import { LeftOutView } from './left_out_view.js';
import { PeersView } from './peers_view.js';

runPage({ '': new ContentsView(), peers: new PeersView(), left_out: new LeftOutView() }, 'Shoal seeder');
