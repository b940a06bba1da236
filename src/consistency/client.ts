import { mkdirSync } from 'node:fs';
import type { Clock } from '../core/clock.ts';
import type { Context } from '../core/context.ts';
import { messageOf } from '../core/failure.ts';
import { seededRandom } from '../core/random.ts';
import type { RetryPolicy } from '../core/retry.ts';
import { UserDatabases } from '../databases/user-databases.ts';
import { assembleDeployment, type Backend, type DeploymentData, type OpenBackend } from '../deployment/deployment.ts';
import { sqliteEngine } from '../sqlite/choose-engine.ts';
import type { SqliteEngine } from '../sqlite/engine.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import { RetryingUserTable } from '../users/retrying-user-table.ts';
import type { UserTable } from '../users/user-table.ts';
import { AccountClient, type FoundAccount } from './account-client.ts';
import { DatabaseClient, type Found, filesIn, outcomeOf } from './database-client.ts';
import { isRestore, type OperationOutcome } from './history.ts';
import { HistoryWriter, type Return } from './history-file.ts';
import { Plan, type Planned } from './plan.ts';
import { type PortFaults, portFaults } from './port-faults.ts';
import type { ClientOrders, Counts } from './protocol.ts';
import { sabotaged } from './sabotage.ts';

// Shorter than for people: a run is to meet much in little time.
const POLICY: RetryPolicy = { attemptsMax: 5, backoffMs: 20, backoffMaxMs: 200 };

const HELD_MS = 10;
const PAUSE_MS = { local: 15, aws: 3 } as const;

/** How often a backup is made anew before it is restored. */
const FRESH_BACKUP = 0.4;

/** A client of a run: a process with a cache, which does one operation after the other and writes down each. */
export class Client {
  readonly #orders: ClientOrders;
  readonly #deployment: DeploymentData;
  readonly #faults: PortFaults;
  readonly #plan: Plan;
  readonly #fate: () => number;
  readonly #clock: Clock;
  readonly #history: HistoryWriter;
  readonly #databases: ReadonlyMap<string, DatabaseClient>;
  readonly #accounts: AccountClient | undefined;
  #calls = 0;

  private constructor(orders: ClientOrders, context: Context, parts: Parts) {
    const { deployment, faults, raw, sqlite, users } = parts;
    const { name, number, seed, directory } = orders;
    const { clock } = context;
    this.#orders = orders;
    this.#clock = clock;
    this.#deployment = deployment;
    this.#faults = faults;
    const random = seededRandom(seed);
    this.#fate = () => random.fraction();
    this.#plan = new Plan({
      users: orders.users,
      client: number,
      accounts: users !== undefined,
      sabotaged: orders.sabotage !== undefined,
      isFocused: orders.isFocused,
      random,
    });
    this.#history = new HistoryWriter(orders.history);
    const databases = databasesOf(orders, context, parts);
    this.#databases = new Map(
      orders.users.map((username, index) => {
        const ownFile = filesIn(directory, `${name}-${index}`);
        const hold = (): Promise<void> => clock.sleep(HELD_MS);
        return [
          username,
          new DatabaseClient({ username, databases: () => databases, network: raw, sqlite, ownFile, hold }),
        ];
      }),
    );
    this.#accounts = users === undefined ? undefined : new AccountClient({ table: users, memory: users, clock });
  }

  /** Opens the deployment for a client. `backendOf`: the services, to which the client adds its faults. */
  static async open(orders: ClientOrders, given: Context, backendOf: OpenBackend): Promise<Client> {
    // The composition takes its retries from the context.
    const policy = orders.isImpatient ? { ...POLICY, attemptsMax: 1 } : POLICY;
    const context: Context & { readonly policy: RetryPolicy } = { ...given, policy };
    mkdirSync(orders.directory, { recursive: true, mode: 0o700 });
    const random = seededRandom(orders.seed + 1);
    const isHarsh = orders.sabotage === 'retry-without-a-look';
    const { clock } = context;
    const faults = portFaults(orders.faults, { random, clock, directory: orders.directory, isHarsh });
    let opened: { readonly raw: DatabaseStore; readonly network: DatabaseStore } | undefined;
    const deployment = await assembleDeployment(orders.config, context, async (...opening) => {
      const backend: Backend = await backendOf(...opening);
      const network = orders.faults.length === 0 ? backend.store : faults.store(backend.store);
      opened = { raw: backend.store, network };
      return { ...backend, store: network };
    });
    if (opened === undefined) throw new Error('no store was opened');
    const sqlite = await sqliteEngine(orders.config.sqliteEngine.value);
    let users: UserTable | undefined;
    if (orders.accounts) {
      users = await deployment.users();
      if (orders.faults.length > 0) users = new RetryingUserTable(faults.users(users), context);
    }
    return new Client(orders, context, { deployment, faults, ...opened, sqlite, users });
  }

  faults(): Counts {
    return this.#faults.counts();
  }

  /** Does one operation, and writes it down before and after. Returns how it ended. */
  async operate(): Promise<Return['outcome']> {
    await this.#pause();
    const planned = this.#plan.next();
    const { user, value, about, kind } = planned;
    const call = `${this.#orders.name}-${++this.#calls}`;
    const named = value === undefined ? {} : { value };
    let restores: Found = {};
    if (planned.about === 'database') {
      const backup = await this.#prepared(planned);
      if (backup === 'none') return this.operate();
      restores = backup;
    }
    const stale = about === 'database' && this.#orders.stalenessMs > 0 ? { stale: true } : {};
    this.#history.append({ call, client: this.#orders.name, user, about, kind, ...named, ...stale, ...restores });
    const ended = await this.#run(planned);
    this.#history.append({ return: call, ...ended });
    return ended.outcome;
  }

  /** Delivers what is late, and ends. */
  async close(): Promise<void> {
    await this.#faults.disarm();
    this.#deployment.close();
    this.#history.close();
  }

  /** Lets others in between, and keeps the history small enough to be judged. */
  async #pause(): Promise<void> {
    if (this.#orders.sabotage === 'retry-without-a-look') return;
    await this.#clock.sleep(2 * PAUSE_MS[this.#orders.config.deployment.value] * this.#fate());
  }

  async #prepared(planned: Planned & { readonly about: 'database' }): Promise<Found | 'none'> {
    const client = this.#databases.get(planned.user);
    if (!isRestore(planned)) return {};
    try {
      const saw = await client?.prepare(planned.kind, this.#fate() < FRESH_BACKUP);
      return saw === undefined ? 'none' : { saw };
    } catch {
      // There is nothing to make a backup of, or it cannot be fetched now.
      return 'none';
    }
  }

  async #run(planned: Planned): Promise<Omit<Return, 'return'>> {
    if (planned.about === 'account') return this.#runAccount(planned);
    const found: Found = {};
    let outcome: OperationOutcome;
    let error: string | undefined;
    try {
      const ended = await this.#databases.get(planned.user)?.run(planned, found);
      outcome = ended?.outcome ?? 'failed';
    } catch (thrown) {
      outcome = outcomeOf(thrown);
      if (outcome === 'failed') error = messageOf(thrown);
    }
    return { outcome, ...found, ...(error === undefined ? {} : { error }) };
  }

  async #runAccount(planned: Planned & { readonly about: 'account' }): Promise<Omit<Return, 'return'>> {
    const found: FoundAccount = {};
    const { kind, user, value } = planned;
    const ended = await this.#accounts?.run({ kind, user, token: value }, found);
    return { outcome: ended?.outcome ?? 'unavailable', ...found };
  }
}

interface Parts {
  readonly deployment: DeploymentData;
  readonly faults: PortFaults;
  /** The store below all faults, for another program. */
  readonly raw: DatabaseStore;
  /** The store below all retries. */
  readonly network: DatabaseStore;
  readonly sqlite: SqliteEngine;
  readonly users: UserTable | undefined;
}

function databasesOf(
  { sabotage, stalenessMs }: ClientOrders,
  context: Context & { readonly policy?: RetryPolicy },
  { deployment, network, sqlite }: Parts,
): UserDatabases {
  if (sabotage === undefined) return deployment.databases({ cacheTtlDefault: 0, cacheTtl: stalenessMs / 1_000 });
  const { clock, random } = context;
  return new UserDatabases({
    store: sabotaged(sabotage, network, context),
    cache: deployment.cache,
    sqlite: async () => sqlite,
    caching: true,
    clock,
    random,
    stalenessMaxMs: 0,
  });
}
