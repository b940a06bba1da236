import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import Database from 'better-sqlite3';
import { openS3 } from '../../src/aws/s3-client.ts';
import { keyOf } from '../../src/core/username.ts';
import { configOf, DESIGN_NAMES, type Design, type DesignName, type Machine, openDesign } from '../designs.ts';
import { addNoteOf, changeOneNote, noteIdOf, WEEK_ONE_BYTES } from '../seed.ts';
import { BUCKET } from '../wire/bucket.ts';
import type { NamedLink } from '../wire/links.ts';
import { atMost, type Bench, endpointOver, type Figure, type Scenario, sample, trafficBetween } from './scenario.ts';
import { seedUsers } from './users.ts';

/** Measures writers that change one database at once. */
export const contention: Scenario = {
  name: 'contention',
  question: 'What becomes of the changes of 10 and of 50 writers of one database?',
  method:
    'Each writer is a machine with a cache, a connection and a link of its own, all in one process; all have written ' +
    'before, have the database cached and begin at once, and each adds a note of its own until it is told that it is stored. Both wait alike ' +
    'between attempts. Lost is what was acknowledged and is not in the database at the end. Wasted is an upload of which ' +
    'nothing is there at the end: refused, or overwritten.',
  run: async (bench) => {
    const figures: Figure[] = [];
    for (const link of bench.links) {
      for (const writers of bench.quick ? [10] : [10, 50]) {
        const raced = {} as Record<DesignName, Race>;
        for (const name of DESIGN_NAMES) {
          bench.progress(`${writers} writers, ${name}, ${link.title}`);
          raced[name] = await race(bench, link, name, writers);
        }
        const conditions = `${writers} writers, ${link.name}`;
        const figure = (name: string, unit: Figure['unit'], of: (race: Race) => number): Figure => {
          return { name, conditions, unit, javumbo: of(raced.javumbo), weekOne: of(raced['week-one']) };
        };
        figures.push(
          figure('acknowledged', 'count', ({ acknowledged }) => acknowledged),
          figure('lost', 'count', ({ lost }) => lost),
          figure('uploads', 'count', ({ uploads }) => uploads),
          figure('wasted uploads', 'count', ({ uploads, stored }) => uploads - stored),
          figure('requests', 'count', ({ requests }) => requests),
          figure('until all were acknowledged', 'ms', ({ ms }) => ms),
        );
      }
    }
    const ours = (name: string, conditions: string): number =>
      figures.find((figure) => figure.name === name && figure.conditions === conditions)?.javumbo ?? Number.NaN;
    const races = [...new Set(figures.map(({ conditions }) => conditions))];
    return {
      figures,
      mustHolds: races.flatMap((conditions) => [
        atMost(`changes lost, ${conditions}`, 0, ours('lost', conditions)),
        atMost(
          `changes not acknowledged, ${conditions}`,
          0,
          Number.parseInt(conditions, 10) - ours('acknowledged', conditions),
        ),
      ]),
    };
  },
};

interface Race {
  readonly acknowledged: number;
  readonly lost: number;
  /** The number of all writers' notes that are in the database at the end. */
  readonly stored: number;
  readonly uploads: number;
  readonly requests: number;
  readonly ms: number;
}

async function race(bench: Bench, link: NamedLink, name: DesignName, writers: number): Promise<Race> {
  const username = `${name}-contended`;
  const own = (writer: number): string => `${name}-own-${writer}`;
  const owned = Array.from({ length: writers }, (_, writer) => own(writer));
  await seedUsers(bench, WEEK_ONE_BYTES, [username, ...owned]);
  const { server, directory } = bench;
  const designs: Design[] = [];
  try {
    const machines: Machine[] = [];
    for (let writer = 0; writer < writers; writer++) {
      const design = openDesign(name, await endpointOver(bench, link), directory, server.bodyDigest);
      designs.push(design);
      machines.push(design.machine());
    }
    // On their own databases first: our client learns from its first write which form of If-Match the engine takes.
    await Promise.all(machines.map((machine, writer) => machine.write(own(writer), changeOneNote)));
    await Promise.all(machines.map((machine) => machine.read(username)));
    let acknowledged: number[] = [];
    const before = await bench.server.counts();
    const { ms } = await sample(bench.server, async () => {
      const endings = await Promise.all(
        machines
          .map(async (machine, writer) => {
            // Each conflict is another writer's success, so no writer needs more attempts than there are writers.
            await machine.write(username, addNoteOf(writer), writers);
            return writer;
          })
          .map((ending) => ending.catch(() => undefined)),
      );
      acknowledged = endings.filter((writer) => writer !== undefined);
    });
    const { puts, requests } = trafficBetween(before, await bench.server.counts());
    const stored = await storedNotes(bench, username);
    const lost = acknowledged.filter((writer) => !stored.has(noteIdOf(writer))).length;
    const survivors = machines.filter((_, writer) => stored.has(noteIdOf(writer))).length;
    return { acknowledged: acknowledged.length, lost, stored: survivors, uploads: puts, requests, ms };
  } finally {
    for (const design of designs) design.close();
  }
}

/** Returns the ids of the stored notes, read without either design. */
async function storedNotes(bench: Bench, username: string): Promise<Set<number>> {
  const client = openS3(configOf(bench.server.endpoint, bench.directory));
  try {
    const reply = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: keyOf(username) }));
    const path = join(bench.directory, `${username}.anki2`);
    writeFileSync(path, (await reply.Body?.transformToByteArray()) ?? '');
    const database = new Database(path, { readonly: true });
    try {
      return new Set(database.prepare('SELECT id FROM notes').pluck().all() as number[]);
    } finally {
      database.close();
    }
  } finally {
    client.destroy();
  }
}
