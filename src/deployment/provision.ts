/**
 * Making what a deployment lacks, on an engine that no Terraform manages. Each part is looked at before it is made, and
 * making it twice does no harm, so that a run that was cut short is simply run again. Nothing is ever removed or switched
 * off, and a setting that somebody chose otherwise is left as it is.
 */

/** A part of a deployment: a bucket, a table, a directory. */
export interface Resource {
  readonly kind: 'bucket' | 'table' | 'directory';
  readonly name: string;
  exists(): Promise<boolean>;
  /** Makes it; returns when it can be used. False where somebody else made it in between. */
  make(): Promise<boolean>;
  readonly settings: readonly Setting[];
}

/** Something about a resource that can be switched on. */
export interface Setting {
  readonly name: string;
  /** `unsupported`: the engine does not know it. */
  read(): Promise<'on' | 'off' | 'unsupported'>;
  /** Switches it on, or says why not. Undefined: it can only be chosen when the resource is made. */
  readonly make?: (() => Promise<SettingResult>) | undefined;
  /** Looks at one that is on already, where that may be dangerous; undefined: it never is. */
  readonly examine?: (() => Promise<SettingResult>) | undefined;
  /** What a dry run cannot know. */
  readonly condition?: string | undefined;
}

/** `left-off`: it could be switched on and must not be. `unsafe`: it is on and should not be. */
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

/** A setting that one request tells and another switches on, at a service that may not know either. */
export function settingOf(
  service: Service,
  subject: string,
  name: string,
  isOn: () => Promise<boolean>,
  switchOn: () => Promise<unknown>,
): Setting & { readonly make: NonNullable<Setting['make']> } {
  return {
    name,
    read: async () => {
      try {
        return (await isOn()) ? 'on' : 'off';
      } catch (error) {
        if (service.isUnsupported(error)) return 'unsupported';
        throw service.failure(error, `read ${name} of ${subject}`);
      }
    },
    make: async () => {
      try {
        await switchOn();
        return { state: 'made' };
      } catch (error) {
        if (service.isUnsupported(error)) return UNSUPPORTED;
        throw service.failure(error, `set ${name} of ${subject}`);
      }
    },
  };
}

export const UNSUPPORTED: SettingResult = { state: 'unsupported', reason: 'the engine does not know it' };

export interface ProvisionedResource {
  readonly kind: Resource['kind'];
  readonly name: string;
  /** `planned`: a dry run would make it. `missing`: it is not there, and nobody was to make it. */
  readonly state: 'found' | 'made' | 'planned' | 'missing';
  readonly settings: readonly ProvisionedSetting[];
}

export interface ProvisionedSetting {
  readonly name: string;
  readonly state: SettingResult['state'] | 'planned' | 'missing';
  readonly reason?: string | undefined;
}

/** `describe` only looks, `plan` says what `create` would make. */
export type ProvisionMode = 'describe' | 'plan' | 'create';

/** Goes through the resources in their order. Throws what a request throws; what was made until then is found by the next run. */
export async function provision(
  resources: readonly Resource[],
  mode: ProvisionMode,
  onStep: (text: string) => void,
): Promise<ProvisionedResource[]> {
  const provisioned: ProvisionedResource[] = [];
  for (const resource of resources) {
    const { kind, name } = resource;
    onStep(`${kind} ${name}`);
    let state: ProvisionedResource['state'] = (await resource.exists()) ? 'found' : absent(mode);
    if (state === 'missing' && mode === 'create') state = (await resource.make()) ? 'made' : 'found';
    const settings: ProvisionedSetting[] = [];
    for (const setting of resource.settings) {
      onStep(`${kind} ${name}: ${setting.name}`);
      const there = state === 'found' || state === 'made';
      settings.push({ name: setting.name, ...(there ? await settled(setting, mode) : { state: absent(mode) }) });
    }
    provisioned.push({ kind, name, state, settings });
  }
  return provisioned;
}

function absent(mode: ProvisionMode): 'planned' | 'missing' {
  return mode === 'plan' ? 'planned' : 'missing';
}

async function settled(
  { read, make, examine, condition }: Setting,
  mode: ProvisionMode,
): Promise<Omit<ProvisionedSetting, 'name'>> {
  const state = await read();
  if (state === 'unsupported') return UNSUPPORTED;
  if (state === 'on') return mode === 'create' && examine !== undefined ? examine() : { state: 'found' };
  if (make === undefined) return { state: 'missing', reason: 'chosen otherwise when it was made, and left as it is' };
  if (mode === 'create') return make();
  return { state: absent(mode), ...(mode === 'plan' && condition !== undefined ? { reason: condition } : {}) };
}
