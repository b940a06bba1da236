/**
 * Making what a deployment lacks, on an engine that no Terraform manages. Each part is looked at before it is made, and
 * making it twice does no harm, so that a run that was cut short is simply run again. Nothing is ever removed or switched
 * off, and a setting that somebody chose otherwise is left as it is.
 */
import { errorNameOf } from '../aws/errors.ts';
import { JavumboError } from '../core/failure.ts';

/** A part of a deployment: a bucket, a table, a directory. */
export interface Resource {
  readonly kind: 'bucket' | 'table' | 'directory';
  readonly name: string;
  exists(): Promise<boolean>;
  /** Makes it; returns when it can be used. False where somebody else made it in between. */
  make(): Promise<boolean>;
  /** Returns when what exists can be used; undefined: at once. */
  ready?(): Promise<void>;
  readonly settings: readonly ResourceSetting[];
}

/** Something about a resource that can be switched on. */
export interface ResourceSetting {
  readonly name: string;
  /** More than on or off: the engine does not know it, or somebody chose otherwise, which is left as it is. */
  read(): Promise<'on' | 'off' | SettingResult>;
  /** Switches it on, or says why not. Undefined: it can only be chosen when the resource is made. */
  readonly make?: (() => Promise<SettingResult>) | undefined;
  /** Looks at one that is on already, where that may be dangerous; undefined: it never is. */
  readonly examine?: (() => Promise<SettingResult>) | undefined;
  /** What a dry run cannot know. */
  readonly condition?: string | undefined;
}

/**
 * `left-off`: it could be switched on and must not be, or somebody chose otherwise. `unsafe`: it is on and should not be.
 * `unsupported`: the engine does not know it.
 */
export interface SettingResult {
  readonly state: 'found' | 'made' | 'left-off' | 'unsafe' | 'unsupported';
  readonly reason?: string | undefined;
}

/** How the errors of one service are read. */
export interface Service {
  /** The engine does not know the operation. */
  isUnsupported(error: unknown): boolean;
  /** The error as a failure; `what`: verb and object. */
  failure(error: unknown, what: string): Error;
}

/** Whether a setting is on; a text says what somebody chose instead. */
export type IsOn = () => Promise<boolean | string>;

/** A setting that one request tells and another switches on, at a service that may not know either. */
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
        return { state: 'made' };
      } catch (error) {
        if (service.isUnsupported(error)) return unsupported(error);
        // Refused because it is on: somebody else was quicker, or an earlier attempt whose reply was lost.
        if ((await isOn().catch(() => false)) === true) return { state: 'made' };
        throw service.failure(error, `set ${name} of ${subject}`);
      }
    },
  };
}

/** What is said of a setting that the engine answered so. */
export function unsupported(error: unknown): SettingResult {
  return { state: 'unsupported', reason: `the engine does not know it (${errorNameOf(error)})` };
}

/** What became of a resource. */
export interface ProvisionedResource {
  readonly kind: Resource['kind'];
  readonly name: string;
  /** `planned`: a dry run would make it. `missing`: it is not there, and nobody was to make it. */
  readonly state: 'found' | 'made' | 'planned' | 'missing';
  readonly settings: readonly ProvisionedSetting[];
}

/** What became of a setting. */
export interface ProvisionedSetting {
  readonly name: string;
  readonly state: SettingResult['state'] | 'planned' | 'missing';
  readonly reason?: string | undefined;
}

/** `describe` only looks, `plan` says what `create` would make. */
export type ProvisionMode = 'describe' | 'plan' | 'create';

/**
 * Goes through the resources in their order. Throws what a request throws; what was made until then is found by the next
 * run, and named where it is a signal that ends this one.
 */
export async function provision(
  resources: readonly Resource[],
  mode: ProvisionMode,
  onStep: (text: string) => void,
  signal?: AbortSignal | undefined,
): Promise<ProvisionedResource[]> {
  const made: string[] = [];
  const provisioned: ProvisionedResource[] = [];
  const step = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    onStep(what);
    try {
      signal?.throwIfAborted();
      return await work();
    } catch (error) {
      throw signal?.aborted && mode === 'create' ? interruptedAt(what, made, error) : error;
    }
  };
  for (const resource of resources) {
    const { kind, name } = resource;
    const subject = `${kind} ${name}`;
    const state = await step(subject, () => provisionedState(resource, mode));
    if (state === 'made') made.push(subject);
    const settings: ProvisionedSetting[] = [];
    for (const setting of resource.settings) {
      const what = `${subject}: ${setting.name}`;
      const there = state === 'found' || state === 'made';
      const became = await step(what, async () => (there ? settled(setting, mode) : { state: absent(mode) }));
      if (became.state === 'made') made.push(what);
      settings.push({ name: setting.name, ...became });
    }
    provisioned.push({ kind, name, state, settings });
  }
  return provisioned;
}

async function provisionedState(resource: Resource, mode: ProvisionMode): Promise<ProvisionedResource['state']> {
  const there = await resource.exists();
  if (mode === 'create' && !there) return (await resource.make()) ? 'made' : 'found';
  if (mode === 'create') await resource.ready?.();
  return there ? 'found' : absent(mode);
}

/** What is there that was not there before, and what may be. */
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
