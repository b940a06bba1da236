import type { Random } from '../../core/random.ts';
import type { S3Operation, S3Request } from './request.ts';

/** Selects the requests of a fault, and how often it fires. */
interface FaultFilter {
  /** Default: every operation. */
  readonly operation?: S3Operation | readonly S3Operation[];
  /** A key or pattern; default: every key. A request without a key only matches a fault without this. */
  readonly key?: string | RegExp;
  /** Lets this many matching requests pass first. Default 0. */
  readonly after?: number;
  /** Fires at most this often. Default 1; with a `probability`, no limit. */
  readonly times?: number;
  /** For each matching request, from 0 to 1. Default 1. */
  readonly probability?: number;
  /** Decides with `probability`. Default: the server's. */
  readonly random?: Random;
}

/** What goes wrong. */
export type Fault =
  /** Refuses with that status and code; nothing was written. Default 503 SlowDown. */
  | { readonly fault: 'refuse-before'; readonly status?: number; readonly code?: string }
  /** Resets the connection after the headers; nothing was written. */
  | { readonly fault: 'reset-before' }
  /** Never answers; nothing was written. */
  | { readonly fault: 'hang-before' }
  /** 409 ConditionalRequestConflict to a conditional write; nothing was written. */
  | { readonly fault: 'conflict-409' }
  /** 404 NoSuchKey to a write with If-Match; nothing was written. */
  | { readonly fault: 'not-found-on-if-match' }
  /** Ignores the conditions of this write. */
  | { readonly fault: 'ignore-conditions' }
  /** Does the work, then resets the connection: it landed, and the client never hears. */
  | { readonly fault: 'reset-after' }
  /** Does the work, then answers with an error. Default 500 InternalError. */
  | { readonly fault: 'error-after'; readonly status?: number; readonly code?: string }
  /** Does the work, then never answers. */
  | { readonly fault: 'hang-after' }
  /** Delays the answer, first byte and all. */
  | { readonly fault: 'slow-first-byte'; readonly delayMs: number }
  /** Announces the whole body of a GET, sends half, closes the connection. */
  | { readonly fault: 'truncate-body' }
  /** Flips one byte of a GET's body at a position, by default in the middle. The length is right. */
  | { readonly fault: 'corrupt-body'; readonly at?: number };

export type FaultName = Fault['fault'];

export type ScriptedFault = Fault & FaultFilter;

export interface InjectedFault {
  readonly name: FaultName;
  readonly fired: number;
  /** Disarms it; its count stays. */
  remove(): void;
}

/** When a fault acts. A request meets at most one fault per moment, in the order of injection. */
type Moment = 'before' | 'work' | 'after' | 'reply' | 'body';

const MOMENT_OF: Readonly<Record<FaultName, Moment>> = {
  'refuse-before': 'before',
  'reset-before': 'before',
  'hang-before': 'before',
  'conflict-409': 'before',
  'not-found-on-if-match': 'before',
  'ignore-conditions': 'work',
  'reset-after': 'after',
  'error-after': 'after',
  'hang-after': 'after',
  'slow-first-byte': 'reply',
  'truncate-body': 'body',
  'corrupt-body': 'body',
};

const CONDITIONAL_WRITES: readonly S3Operation[] = ['PutObject', 'DeleteObject'];

interface Armed {
  readonly fault: ScriptedFault;
  passed: number;
  fired: number;
}

/** The armed faults of one server. */
export class Faults {
  readonly #random: Random;
  #armed: Armed[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  inject(fault: ScriptedFault): InjectedFault {
    const armed: Armed = { fault, passed: 0, fired: 0 };
    this.#armed.push(armed);
    return {
      name: fault.fault,
      get fired() {
        return armed.fired;
      },
      remove: () => {
        this.#armed = this.#armed.filter((each) => each !== armed);
      },
    };
  }

  clear(): void {
    this.#armed = [];
  }

  /** Returns the fault for this request at this moment, and counts it; `undefined` for none. */
  take(request: S3Request, moment: Moment): Fault | undefined {
    return this.#armed.find((armed) => MOMENT_OF[armed.fault.fault] === moment && this.#fires(armed, request))?.fault;
  }

  #fires(armed: Armed, request: S3Request): boolean {
    const { fault } = armed;
    if (!matchesFilter(fault, request) || !makesSense(fault.fault, request)) return false;
    if (armed.fired >= (fault.times ?? (fault.probability === undefined ? 1 : Number.POSITIVE_INFINITY))) return false;
    if (armed.passed < (fault.after ?? 0)) {
      armed.passed += 1;
      return false;
    }
    const random = fault.random ?? this.#random;
    if (fault.probability !== undefined && random.fraction() >= fault.probability) return false;
    armed.fired += 1;
    return true;
  }
}

function matchesFilter({ operation, key }: FaultFilter, request: S3Request): boolean {
  const operations = typeof operation === 'string' ? [operation] : operation;
  if (operations !== undefined && !operations.includes(request.operation)) return false;
  if (key === undefined) return true;
  // `search`, not `test`: a global pattern must not remember its position.
  return request.key !== '' && (typeof key === 'string' ? request.key === key : request.key.search(key) >= 0);
}

/** Some faults fit only one kind of request, whatever their filter: on others they would be unlike S3. */
function makesSense(fault: FaultName, { operation, conditions }: S3Request): boolean {
  switch (fault) {
    case 'conflict-409':
    case 'ignore-conditions':
      return (
        CONDITIONAL_WRITES.includes(operation) &&
        (conditions.ifMatch !== undefined || conditions.ifNoneMatch !== undefined)
      );
    case 'not-found-on-if-match':
      return CONDITIONAL_WRITES.includes(operation) && conditions.ifMatch !== undefined;
    case 'truncate-body':
    case 'corrupt-body':
      return operation === 'GetObject';
    default:
      return true;
  }
}
