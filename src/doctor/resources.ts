import type { Resource, ResourceSetting } from '../provisioning/provision.ts';
import { examined, type Finding, ok, unsafe, warning } from './finding.ts';

/** A resource, and its name in findings. */
export interface ExaminedResource {
  /** `bucket`, `users-table`, `locks-table`, `home`. */
  readonly id: string;
  readonly resource: Resource;
  /** True on AWS, where every setting of Day 1 is available. */
  readonly onAws: boolean;
}

// The settings of provisioning/ by name, and what their absence means.
const SETTINGS: Readonly<Record<string, { readonly id: string; readonly missed: string }>> = {
  versioning: { id: 'versioning', missed: 'what is overwritten or deleted by mistake cannot be brought back' },
  'public access blocked': { id: 'public-access', missed: 'a policy by mistake would publish every database' },
  encryption: { id: 'encryption', missed: 'databases are stored as they are' },
  'expiry of old versions after 30 days': { id: 'lifecycle', missed: 'old versions are kept, and paid for, for ever' },
  'on demand': { id: 'on-demand', missed: 'requests beyond its capacity are throttled' },
  'point-in-time recovery': { id: 'point-in-time-recovery', missed: 'accounts that are lost are lost for good' },
  'time to live on ttl': { id: 'ttl', missed: 'leases that nobody released stay in the table' },
};

const MEND = 'terraform -chdir=infra apply, or on another engine: javumbo deployment create';

/** Examines whether a part of the deployment exists and is set up as in Day 1. Only reads. */
export async function examineResource({ id, resource, onAws }: ExaminedResource): Promise<Finding[]> {
  return examined(id, async () => {
    const subject = `${resource.kind} "${resource.name}"`;
    if (!(await resource.exists())) return [unsafe(id, `${subject} does not exist`, MEND)];
    const settings = await Promise.all(resource.settings.map((setting) => examineSetting(id, setting, onAws)));
    return [ok(id, `${subject} is there`), ...settings.flat()];
  });
}

function examineSetting(of: string, { name, read }: ResourceSetting, onAws: boolean): Promise<Finding[]> {
  const { id: short, missed } = SETTINGS[name] ?? { id: name.replaceAll(' ', '-'), missed: 'Day 1 has it' };
  const id = `${of}.${short}`;
  return examined(id, async () => {
    const found = await read();
    if (found === 'on') return [ok(id, 'on')];
    if (found === 'off') {
      // Only a scratch bucket shows what an engine gets wrong with it: `deployment create` tries, and leaves it off.
      if (!onAws && (short === 'versioning' || short === 'public-access')) {
        return [ok(id, 'off, which is right where the engine fails with it: javumbo deployment create tries it out')];
      }
      return [warning(id, `off: ${missed}`, MEND)];
    }
    const reason = found.reason ?? found.state;
    if (found.state === 'unsupported' && !onAws) return [ok(id, reason)];
    return [warning(id, `${reason}: ${missed}`, MEND)];
  });
}
