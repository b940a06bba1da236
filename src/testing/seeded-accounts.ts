import {
  type AccountOperation,
  type AccountOperationKind,
  type AccountOutcome,
  type AccountState,
  OBSERVER,
} from '../consistency/account-history.ts';
import { type Random, seededRandom } from '../core/random.ts';

/** A way to break one promise about accounts. Each defect is surrounded by nothing, so that nothing else explains it. */
export const ACCOUNT_DEFECTS = {
  'an acknowledged create is lost': (world) => {
    world.remove();
    world.tell('create', 'created', world.token());
    world.tell('get', 'absent');
  },
  'an acknowledged rename is lost': (world) => {
    world.tell('rename', 'updated', world.token());
    world.look();
  },
  'an append has two effects': (world) => {
    const [token, saw] = [world.token(), world.account];
    world.account = { ...saw, name: `${saw.name} ${token} ${token}` };
    world.tell('append', 'updated', token, saw);
    world.look();
  },
  'an append that lost a race is there': (world) => {
    const [token, saw] = [world.token(), world.account];
    world.account = { ...saw, name: `${saw.name} ${token}` };
    world.tell('append-once', 'conflict', token, saw);
    world.look();
  },
  'a rename that was unavailable is there': (world) => {
    const token = world.token();
    world.account = { ...world.account, name: token };
    world.tell('rename', 'unavailable', token);
    world.look();
  },
  'two appends follow one state': (world) => {
    const [one, other, saw] = [world.token(), world.token(), world.account];
    world.tell('append', 'updated', one, saw);
    world.account = { ...saw, name: `${saw.name} ${other}` };
    world.tell('append', 'updated', other, saw);
    world.look();
  },
  'a look misses what was acknowledged': (world) => {
    const [token, saw] = [world.token(), world.account];
    world.account = { ...saw, name: `${saw.name} ${token}` };
    world.tell('append', 'updated', token, saw);
    world.tell('get', 'found', undefined, saw);
  },
  'an account that was deleted is there': (world) => {
    world.tell('delete', 'deleted');
    world.look();
  },
  'two creates are acknowledged': (world) => {
    const token = world.token();
    world.tell('create', 'created', token);
    world.account = { madeBy: token, name: token };
    world.look();
  },
  'a create finds an account where there is none': (world) => {
    world.remove();
    world.tell('create', 'exists', world.token());
    world.tell('get', 'absent');
  },
  'an account that is there is not found': (world) => {
    world.tell('delete', 'not-found');
    world.look();
  },
  'a look shows what nobody wrote': (world) => {
    world.tell('get', 'found', undefined, { ...world.account, name: 't0' });
  },
} as const satisfies Readonly<Record<string, (world: QuietWorld) => void>>;

export type AccountDefectName = keyof typeof ACCOUNT_DEFECTS;

/** A world at rest, in which a defect is made. */
interface QuietWorld {
  account: AccountState;
  token(): string;
  tell(kind: AccountOperationKind, outcome: AccountOutcome, token?: string, saw?: AccountState): void;
  look(): void;
  /** Deletes the account, as it should be. */
  remove(): void;
}

interface Flight {
  readonly client: string;
  readonly kind: AccountOperationKind;
  readonly token: string | undefined;
  readonly start: number;
  /** What an append read before it wrote. */
  base: AccountState | undefined;
  result: Pick<AccountOperation, 'outcome' | 'saw'> | undefined;
}

const USER = 'alice';
const CLIENTS = 4;
const EVENTS = 80;
const KINDS: readonly AccountOperationKind[] = ['create', 'rename', 'append', 'append-once', 'delete', 'get', 'get'];

/**
 * Returns a history of clients on one account, as it can be where every promise is kept; with `defect`, one in which that
 * promise is broken once. Each operation takes effect at a moment between its call and its return, or, in doubt, later.
 */
export function seededAccountHistory(seed: number, defect?: AccountDefectName): AccountOperation[] {
  const random = seededRandom(seed * 2 + 1);
  const operations: AccountOperation[] = [];
  const flights: Flight[] = [];
  let [now, tokens] = [0, 0];
  let account: AccountState | undefined;

  const add = (operation: Omit<AccountOperation, 'start' | 'end' | 'user'>): void => {
    now++;
    operations.push({ ...operation, user: USER, start: now, end: ++now });
  };
  const token = (): string => `t${++tokens}`;

  const begin = (): void => {
    const busy = new Set(flights.map(({ client }) => client));
    const idle = Array.from({ length: CLIENTS }, (_, index) => `c${index + 1}`).filter((name) => !busy.has(name));
    const client = idle[Math.floor(random.fraction() * idle.length)];
    if (client === undefined) return;
    const kind = KINDS[Math.floor(random.fraction() * KINDS.length)] as AccountOperationKind;
    const named = kind === 'get' || kind === 'delete' ? undefined : token();
    flights.push({ client, kind, token: named, start: ++now, base: undefined, result: undefined });
  };

  /** Lets an operation take its next step: appends read first. */
  const step = (flight: Flight): void => {
    now++;
    const { kind } = flight;
    if ((kind === 'append' || kind === 'append-once') && flight.base === undefined) {
      if (account === undefined) flight.result = { outcome: 'not-found' };
      else flight.base = account;
      return;
    }
    flight.result = takeEffect(flight);
  };

  const takeEffect = ({ kind, token: own = '', base }: Flight): Flight['result'] => {
    const fate = fateOf(random, kind, defect === undefined);
    if (fate === 'unavailable') return { outcome: 'unavailable' };
    const appends = base !== undefined;
    const saw = appends ? { saw: base } : {};
    if (kind === 'get') return account === undefined ? { outcome: 'absent' } : { outcome: 'found', saw: account };
    if (kind === 'create' && account !== undefined) return { outcome: 'exists' };
    if (kind !== 'create' && account === undefined) return { outcome: 'not-found' };
    if (appends && (account?.madeBy !== base.madeBy || account.name !== base.name))
      return { outcome: 'conflict', ...saw };
    if (fate === 'never happens') return { outcome: 'unknown', ...saw };
    if (kind === 'create') account = { madeBy: own, name: own };
    else if (kind === 'delete') account = undefined;
    else if (account !== undefined) account = { ...account, name: appends ? `${account.name} ${own}` : own };
    if (fate === 'in doubt') return { outcome: 'unknown', ...saw };
    if (kind === 'create') return { outcome: 'created' };
    return { outcome: kind === 'delete' ? 'deleted' : 'updated', ...saw };
  };

  const end = (flight: Flight): void => {
    flights.splice(flights.indexOf(flight), 1);
    const { client, kind, token: own, start, result } = flight;
    if (result === undefined) return;
    operations.push({ client, user: USER, kind, token: own, start, end: ++now, ...result });
  };

  const live = (events: number): void => {
    for (let event = 0; event < events; event++) {
      const flight = flights[Math.floor(random.fraction() * (flights.length + 2))];
      if (flight === undefined) begin();
      else if (flight.result === undefined) step(flight);
      else end(flight);
    }
    for (const flight of [...flights]) {
      while (flight.result === undefined) step(flight);
      end(flight);
    }
  };

  const look = (client: string): void =>
    add({ client, kind: 'get', outcome: account === undefined ? 'absent' : 'found', ...(account && { saw: account }) });

  live(EVENTS / 2);
  if (defect !== undefined) {
    if (account === undefined) {
      const own = token();
      account = { madeBy: own, name: own };
      add({ client: 'c1', kind: 'create', outcome: 'created', token: own });
    }
    look('c2');
    ACCOUNT_DEFECTS[defect]({
      get account() {
        if (account === undefined) throw new Error('there is no account');
        return account;
      },
      set account(state) {
        account = state;
      },
      token,
      tell: (kind, outcome, own, saw) =>
        add({ client: 'c3', kind, outcome, ...(own && { token: own }), ...(saw && { saw }) }),
      look: () => look('c4'),
      remove: () => {
        account = undefined;
        add({ client: 'c2', kind: 'delete', outcome: 'deleted' });
      },
    });
  }
  live(EVENTS / 2);
  look(OBSERVER);
  return operations;
}

/** `mayDoubt`: before a defect nothing may be in doubt, since that could explain it. */
function fateOf(
  random: Random,
  kind: AccountOperationKind,
  mayDoubt: boolean,
): 'takes effect' | 'unavailable' | 'in doubt' | 'never happens' {
  const chance = kind === 'get' ? 1 : random.fraction();
  if (chance < 0.1) return 'unavailable';
  if (mayDoubt && chance < 0.2) return 'in doubt';
  return mayDoubt && chance < 0.25 ? 'never happens' : 'takes effect';
}
