import { DESIGN_NAMES } from '../designs.ts';
import { answerCard, CARDS, WEEK_ONE_BYTES } from '../seed.ts';
import {
  inTurn,
  type Measurement,
  measurementOf,
  noSamples,
  type Scenario,
  sample,
  withBothDesigns,
} from './scenario.ts';
import { seedUsers } from './users.ts';

/** Measures a user who answers twenty cards in a row. */
export const reviewSession: Scenario = {
  name: 'review-session',
  question: 'What does a user wait for who answers 20 cards?',
  method:
    'A machine with an empty cache and an open connection stores each answer before the next card: a closed loop, without ' +
    'the time in which the user thinks. A sample is the whole session.',
  run: async (bench) => {
    const measurements: Measurement[] = [];
    for (const link of bench.links) {
      bench.progress(link.title);
      await seedUsers(bench, WEEK_ONE_BYTES, [...DESIGN_NAMES, 'first']);
      const samples = noSamples();
      await withBothDesigns(bench, link, async (designs) => {
        for (const name of DESIGN_NAMES) await designs[name].machine().read('first');
        await inTurn(bench.quick ? 1 : link.name === 'far' ? 3 : bench.half ? 5 : 10, async (name) => {
          const machine = designs[name].machine();
          const session = async () => {
            for (let card = 1; card <= CARDS; card++) await machine.write(name, answerCard(card));
          };
          samples[name].push(await sample(bench.server, session));
          machine.remove();
        });
      });
      measurements.push(measurementOf(`review of ${CARDS} cards`, link, WEEK_ONE_BYTES, samples));
      await bench.server.clear();
    }
    return { measurements };
  },
};
