// The page of the tracker: which contents have peers, one swarm, and the state of the tracker itself.

import { runPage } from '../parts/polled_page.js';
import { ContentsView } from './contents_view.js';
import { HealthView } from './health_view.js';
import { SwarmView } from './swarm_view.js';

runPage({ '': new ContentsView(), swarm: new SwarmView(), health: new HealthView() }, 'Shoal tracker');
