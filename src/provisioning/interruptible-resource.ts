import { JavumboError } from '../core/failure.ts';
import { type InterruptibleOptions, interruptibleRead, interruptibleWrite } from '../core/interruptible.ts';
import type { Resource, ResourceSetting } from './provision.ts';

/** Begins no request once the work is interrupted; see interruptible.ts for what is under way then. */
export function interruptibleResource(resource: Resource, options: InterruptibleOptions): Resource {
  const { kind, name, exists, make, ready, settings } = resource;
  const read = <T>(request: () => Promise<T>) => interruptibleRead(options, request);
  return {
    kind,
    name,
    exists: () => read(exists),
    make: () => madeWith(options, `${kind} "${name}"`, make),
    ...(ready === undefined ? {} : { ready: () => read(ready) }),
    settings: settings.map((setting) => interruptibleSetting(setting, `${kind} "${name}"`, options)),
  };
}

function interruptibleSetting(
  setting: ResourceSetting,
  subject: string,
  options: InterruptibleOptions,
): ResourceSetting {
  const { name, read, make, examine } = setting;
  const what = `${name} of ${subject}`;
  return {
    ...setting,
    read: () => interruptibleRead(options, read),
    make: make && (() => madeWith(options, what, make)),
    // It makes a scratch bucket, which has to go again.
    examine: examine && (() => madeWith(options, what, examine)),
  };
}

async function madeWith<T>(options: InterruptibleOptions, what: string, request: () => Promise<T>): Promise<T> {
  let asked: Promise<T> | undefined;
  const answer = await interruptibleWrite(options, '', async () => {
    asked = request();
    return { value: await asked };
  });
  if ('value' in answer) return answer.value;
  // Its scratch bucket may be on its way out. An examination ends after that, and then its outcome is known.
  await options.cleanUps.settled();
  const unanswered = new JavumboError('unknown', `${what}: interrupted, and nobody can tell whether it was made`, {
    try: 'javumbo deployment describe',
    cause: answer.cause,
  });
  return Promise.race([asked as Promise<T>, turnOfTheLoop().then(() => Promise.reject(unanswered))]);
}

function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
