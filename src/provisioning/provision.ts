/**
 * Creates what a deployment lacks, on an engine that Terraform does not manage. Checks each part first, and every step
 * is idempotent, so an interrupted run is simply repeated. Never removes anything, switches anything off or overrides a
 * setting that was chosen otherwise.
 */
import { errorNameOf } from '../aws/errors.ts';
import { JavumboError } from '../core/failure.ts';

/** A part of a deployment: a bucket, a table, a directory. */
export interface Resource {
  readonly kind: 'bucket' | 'table' | 'directory';
  readonly name: string;
  exists(): Promise<boolean>;
  /** Creates it, and returns once it can be used: true, or false if someone else created it in between. */
  make(): Promise<boolean>;
  /** Returns once an existing one can be used; undefined: at once. */
  ready?(): Promise<void>;
  readonly settings: readonly ResourceSetting[];
}

/** A setting of a resource that can be switched on. */
export interface ResourceSetting {
  readonly name: string;
  /** Returns more than on or off if the engine does not support it, or it was chosen otherwise and is left alone. */
  read(): Promise<'on' | 'off' | SettingResult>;
  /** Switches it on, or says why not. Undefined: it can only be chosen at creation. */
  readonly make?: (() => Promise<SettingResult>) | undefined;
  /** Checks one that is already on, if that may be dangerous; undefined: it never is. */
  readonly examine?: (() => Promise<SettingResult>) | undefined;
  /** What a dry run cannot know. */
  readonly condition?: string | undefined;
}

/**
 * `left-off`: it could be switched on but must not be, or was chosen otherwise. `unsafe`: it is on but should not be.
 * `unsupported`: the engine does not support it.
 */
export interface SettingResult {
  readonly state: 'found' | 'made' | 'left-off' | 'unsafe' | 'unsupported';
  readonly reason?: string | undefined;
}

/** Interprets the errors of one service. */
export interface Service {
  /** True if the engine does not support the operation. */
  isUnsupported(error: unknown): boolean;
  /** True if it may accept what it does not keep: fauxqs takes every PUT on a bucket for its creation, and says yes. */
  readonly mayIgnore?: boolean;
  /** Turns an error into a failure; `what`: verb and object. */
  failure(error: unknown, what: string): Error;
}

/** Says whether a setting is on; a text says what was chosen instead. */
export type IsOn = () => Promise<boolean | string>;

/** Makes a setting that one request reads and another switches on, at a service that may support neither. */
export function settingOf(
  service: Service,
  subject: string,
  name: string,
  isOn: IsOn,
  switchOn: () => Promise<unknown>,
): ResourceSetting & { readonly make: NonNullable<ResourceSetting['make']> } {
  return {
    name,
    read: async () => {
      try {
        const on = await isOn();
        if (typeof on === 'string') return { state: 'left-off', reason: `somebody chose otherwise: ${on}` };
        return on ? 'on' : 'off';
      } catch (error) {
        if (service.isUnsupported(error)) return unsupported(error);
        throw service.failure(error, `read ${name} of ${subject}`);
      }
    },
    make: async () => {
      try {
        await switchOn();
        if (service.mayIgnore !== true || (await isOn()) === true) return { state: 'made' };
        return { state: 'unsupported', reason: 'the engine accepts it, and does not keep it' };
      } catch (error) {
        if (service.isUnsupported(error)) return unsupported(error);
        // Refused because it is on: someone else was faster, or an earlier attempt whose reply was lost.
        if ((await isOn().catch(() => false)) === true) return { state: 'made' };
        throw service.failure(error, `set ${name} of ${subject}`);
      }
    },
  };
}

export function unsupported(error: unknown): SettingResult {
  return { state: 'unsupported', reason: `the engine does not know it (${errorNameOf(error)})` };
}

export interface ProvisionedResource {
  readonly kind: Resource['kind'];
  readonly name: string;
  /** `planned`: a dry run would create it. `missing`: it does not exist, and nothing was to be created. */
  readonly state: 'found' | 'made' | 'planned' | 'missing';
  readonly settings: readonly ProvisionedSetting[];
}

export interface ProvisionedSetting {
  readonly name: string;
  readonly state: SettingResult['state'] | 'planned' | 'missing';
  readonly reason?: string | undefined;
}

/** `describe` only reads, `plan` says what `create` would do. */
export type ProvisionMode = 'describe' | 'plan' | 'create';

/**
 * Processes the resources in order. After a failure `create` goes on with what does not depend on it, and throws the
 * failure at the end, with what was made; the next run finds that. An interruption ends it at once, and names it too.
 */
export async function provision(
  resources: readonly Resource[],
  mode: ProvisionMode,
  onStep: (text: string) => void,
  signal?: AbortSignal | undefined,
): Promise<ProvisionedResource[]> {
  const made: string[] = [];
  const failures: JavumboError[] = [];
  const provisioned: ProvisionedResource[] = [];
  /** Returns undefined for a failure that is thrown at the end. */
  const step = async <T>(what: string, work: () => Promise<T>): Promise<T | undefined> => {
    onStep(what);
    try {
      signal?.throwIfAborted();
      return await work();
    } catch (error) {
      if (mode !== 'create') throw error;
      if (signal?.aborted) throw interruptedAt(what, made, error);
      if (!(error instanceof JavumboError) || !GOES_ON.has(error.kind)) throw error;
      failures.push(error);
      return undefined;
    }
  };
  for (const resource of resources) {
    const { kind, name } = resource;
    const subject = `${kind} ${name}`;
    const state = await step(subject, () => provisionedState(resource, mode));
    if (state === undefined) continue;
    if (state === 'made') made.push(subject);
    const settings: ProvisionedSetting[] = [];
    for (const setting of resource.settings) {
      const what = `${subject}: ${setting.name}`;
      const there = state === 'found' || state === 'made';
      const became = await step(what, async () => (there ? settled(setting, mode) : { state: absent(mode) }));
      if (became === undefined) continue;
      if (became.state === 'made') made.push(what);
      settings.push({ name: setting.name, ...became });
    }
    provisioned.push({ kind, name, state, settings });
  }
  const [first, ...others] = failures;
  if (first !== undefined) throw failedAfter(first, others, made);
  return provisioned;
}

// Of other kinds nothing is known, or the whole request is wrong.
const GOES_ON: ReadonlySet<string> = new Set(['unavailable', 'conflict', 'not-found', 'corrupt']);

/** Returns the first failure, with the others and what was made nevertheless. */
function failedAfter(first: JavumboError, others: readonly JavumboError[], made: readonly string[]): JavumboError {
  const parts = [first.message, ...others.map(({ message }) => message)];
  if (made.length > 0) parts.push(`made: ${made.join(', ')}`);
  const { kind, retryable, sent } = first;
  return new JavumboError(kind, parts.join('; '), { try: first.try, retryable, sent, cause: first.cause });
}

async function provisionedState(resource: Resource, mode: ProvisionMode): Promise<ProvisionedResource['state']> {
  const there = await resource.exists();
  if (mode === 'create' && !there) return (await resource.make()) ? 'made' : 'found';
  if (mode === 'create') await resource.ready?.();
  return there ? 'found' : absent(mode);
}

/** Says what was created, and what may have been. */
function interruptedAt(what: string, made: readonly string[], error: unknown): JavumboError {
  const unknown = error instanceof JavumboError && error.kind === 'unknown';
  const until = made.length === 0 ? 'nothing had been made before' : `made before: ${made.join(', ')}`;
  return new JavumboError(unknown ? 'unknown' : 'interrupted', `interrupted at ${what}; ${until}`, {
    try: 'javumbo deployment describe, or the same command again, which makes what is missing',
    cause: error,
  });
}

function absent(mode: ProvisionMode): 'planned' | 'missing' {
  return mode === 'plan' ? 'planned' : 'missing';
}

async function settled(
  { read, make, examine, condition }: ResourceSetting,
  mode: ProvisionMode,
): Promise<Omit<ProvisionedSetting, 'name'>> {
  const state = await read();
  if (typeof state !== 'string') return state;
  if (state === 'on') return mode === 'create' && examine !== undefined ? examine() : { state: 'found' };
  if (make === undefined) return { state: 'missing', reason: 'chosen otherwise when it was made, and left as it is' };
  if (mode === 'create') return make();
  return { state: absent(mode), ...(mode === 'plan' && condition !== undefined ? { reason: condition } : {}) };
}
