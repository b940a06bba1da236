import type { Deployment } from '../deployment/deployment.ts';
import { UserRepository } from '../users/repository.ts';
import type { UserTable } from '../users/user-table.ts';
import { stateOf as accountStateOf } from './account-client.ts';
import { append, makeTables, outcomeOf, stateOf } from './database-client.ts';
import { OBSERVER } from './history.ts';
import type { Call, HistoryWriter, Return } from './history-file.ts';
import { accountsAreKept, roleOf } from './plan.ts';

const FOUNDER = 'founder';

/** Makes what is there at first, and looks at the end: without faults, and with no client beside it. */
export class Observer {
  readonly #deployment: Deployment;
  readonly #accounts: UserTable | undefined;
  readonly #writer: HistoryWriter;
  #calls = 0;

  constructor(deployment: Deployment, accounts: UserTable | undefined, writer: HistoryWriter) {
    this.#deployment = deployment;
    this.#accounts = accounts;
    this.#writer = writer;
  }

  async found(usernames: readonly string[]): Promise<void> {
    const databases = this.#deployment.databases({ cacheTtlDefault: 0, cacheTtl: 0, caching: false });
    for (const [number, user] of usernames.entries()) {
      const value = `v0.${number + 1}`;
      await this.#recorded({ client: FOUNDER, user, about: 'database', kind: 'create', value }, async () => {
        const { outcome } = await databases.create(user, (database) => {
          makeTables(database);
          append(database, value);
        });
        return { outcome };
      });
      const accounts = this.#accounts;
      if (accounts === undefined || !accountsAreKept(roleOf(number))) continue;
      await this.#recorded({ client: FOUNDER, user, about: 'account', kind: 'create', value }, async () => {
        const repository = new UserRepository(accounts, { clock: this.#deployment.clock });
        const outcome = await repository.adopt({ username: user, name: value, passwordHash: value });
        return { outcome: outcome === 'created' ? 'created' : 'exists' };
      });
    }
  }

  async look(usernames: readonly string[]): Promise<void> {
    const databases = this.#deployment.databases({ cacheTtlDefault: 0, cacheTtl: 0, caching: false });
    for (const user of usernames) {
      await this.#recorded({ client: OBSERVER, user, about: 'database', kind: 'read' }, async () => {
        try {
          return await databases.read(user, ({ database }) => ({ outcome: 'read', saw: stateOf(database) }) as const);
        } catch (error) {
          const outcome = outcomeOf(error);
          if (outcome !== 'absent') throw error;
          return { outcome };
        }
      });
      const accounts = this.#accounts;
      if (accounts === undefined) continue;
      await this.#recorded({ client: OBSERVER, user, about: 'account', kind: 'get' }, async () => {
        const item = await accounts.get(user);
        return item === undefined ? { outcome: 'absent' } : { outcome: 'found', saw: accountStateOf(item) };
      });
    }
  }

  async #recorded(operation: Omit<Call, 'call'>, work: () => Promise<Omit<Return, 'return'>>): Promise<void> {
    const call = `${operation.client}-${++this.#calls}`;
    this.#writer.append({ call, ...operation });
    this.#writer.append({ return: call, ...(await work()) });
  }
}
