import { addNote } from '../anki/note.ts';
import { concurrentDoubts, concurrentFigures, judgeConcurrent, measureConcurrent } from '../bench/concurrent.ts';
import { createWithNotes } from '../bench/test-user.ts';
import { conflictFailure } from '../databases/outcome-failures.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { integrityFindings } from '../sqlite/engine.ts';
import { type Assert, addFigures, type Figures, type Test, type TestInputs } from './check.ts';
import { withTestDatabase } from './test-data.ts';

const NOTES = 5;
const WORKERS = 10;

/** Day 4: nothing is lost. Tests 4.1 and 4.2, the latter without and with retries. */
export function day4(deployment: Deployment, inputs: TestInputs, figures: Figures): Test[] {
  return [
    {
      id: '4.1',
      name: 'a concurrent change is detected',
      try: 'another store: this one may take conditions and ignore them',
      run: (assert) => conflictDetection(assert, deployment, inputs),
    },
    {
      id: '4.2',
      name: 'ten processes change one database at once',
      try: 'javumbo bench concurrent --retries 0, which prints how each change ended',
      run: async (assert) => {
        await concurrentWrites(assert, deployment, inputs, figures, 0);
        await concurrentWrites(assert, deployment, inputs, figures, WORKERS - 1);
      },
    },
  ];
}

async function conflictDetection(assert: Assert, deployment: Deployment, inputs: TestInputs): Promise<void> {
  const reader = deployment.databases({ cacheTtlDefault: 0, caching: false });
  const [first, second] = [deployment.machine(0), deployment.machine(0)];
  try {
    await withTestDatabase(assert, { deployment, inputs }, '4-1', async (username) => {
      await createWithNotes(reader, username, NOTES, inputs);
      // Two machines open one version before either commits; week 1 had to set a version by hand.
      const one = await first.databases.openForWriting(username);
      const two = await second.databases.openForWriting(username);
      const base = one.base?.version ?? 'none';
      assert.equal('both connections begin with one version', two.base?.version ?? 'nothing', base);
      addNote(one.database, { fields: ['Connection 1', 'first'], noteId: 100 }, inputs);
      addNote(two.database, { fields: ['Connection 2', 'second'], noteId: 200 }, inputs);

      const won = await one.commit();
      assert.equal('the first writer commits', won.kind, 'committed');
      const winner = 'version' in won ? won.version : 'none';
      assert('its version is a new one', winner !== base, { expected: `another version than ${base}`, actual: winner });
      const lost = await two.commit();
      assert.equal('the second writer gets a conflict', lost.kind, 'conflict');

      const failure = await conflictFailure(username, base, lost.kind === 'conflict' ? lost.seen : undefined);
      assert.equal('the conflict names the user', failure.username ?? '', username);
      assert.equal('the conflict names the expected version', failure.expectedVersion ?? '', base);
      assert.equal('the conflict names the actual version', failure.actualVersion ?? '', winner);
      assert.equal(
        'the loser keeps nothing in its cache',
        second.cache.lookup(username)?.version ?? 'no entry',
        'no entry',
      );

      await reader.read(username, ({ database }) => {
        const ids = (database.prepare('SELECT id FROM notes').all() as { id: number }[]).map(({ id }) => id);
        const added = ids.filter((id) => id === 100 || id === 200).join(', ');
        assert("the first writer's note is there", ids.includes(100), {
          expected: 'note 100',
          actual: `notes ${added}`,
        });
        assert("the second writer's note is not", !ids.includes(200), {
          expected: 'no note 200',
          actual: `notes ${added}`,
        });
        assert.equal('the database holds the first notes and one more', ids.length, NOTES + 1);
        assert.equal('it is not damaged', integrityFindings(database).join('; '), '');
      });
    });
  } finally {
    first.remove();
    second.remove();
  }
}

async function concurrentWrites(
  assert: Assert,
  deployment: Deployment,
  inputs: TestInputs,
  figures: Figures,
  retries: number,
): Promise<void> {
  const databases = deployment.databases({ cacheTtlDefault: 0, caching: false });
  const round = retries === 0 ? 'without retries' : 'with retries';
  const claim = (name: string): string => `${round}: ${name}`;
  const race = async (username: string): Promise<void> => {
    await createWithNotes(databases, username, NOTES, inputs);
    const workers = deployment.cache.workDirectory();
    const { env, signal } = inputs;
    const result = await measureConcurrent(
      { databases, username, workers: WORKERS, edits: 1, retries, monotonic: () => inputs.clock.monotonic() },
      { config: deployment.config, directory: workers.path, env, signal },
    ).finally(workers.release);
    const verdict = judgeConcurrent(result, NOTES);
    const { metrics, derived } = concurrentFigures(result, verdict);
    const prefix = retries === 0 ? 'withoutRetries' : 'withRetries';
    const { workers: results, usage: workerUsage } = result;
    const warnings = concurrentDoubts(verdict, WORKERS, retries, 'a longer --rtt');
    addFigures(figures, { metrics, derived, workers: results, workerUsage, warnings }, `${prefix}.`);

    const { committed, conflicts, unknown, other, lost, unexpected, missing, notesAtEnd, unknownThatLanded } = verdict;
    const errors = result.workers.flatMap(({ error }) => error ?? []);
    assert.equal(claim('every change is accounted for'), committed + conflicts + unknown + other, WORKERS);
    assert(claim('at least one change is committed'), committed >= 1, { expected: 'at least 1', actual: committed });
    assert.equal(claim('no unexpected error'), errors.join('; '), '');
    assert.equal(claim('every acknowledged note is there'), lost.join(', '), '');
    assert.equal(claim('every refused note is absent'), unexpected.join(', '), '');
    assert.equal(claim('no earlier note is gone'), missing, 0);
    assert.equal(claim('the count of notes adds up'), notesAtEnd, NOTES + committed + unknownThatLanded);
    if (retries > 0) assert.equal(claim(`all ${WORKERS} changes are committed`), committed, WORKERS);
    await databases.read(username, ({ database }) => {
      assert.equal(claim('the database is not damaged'), integrityFindings(database).join('; '), '');
    });
  };
  await withTestDatabase(assert, { deployment, inputs }, `4-2-${retries}`, race, claim);
}
