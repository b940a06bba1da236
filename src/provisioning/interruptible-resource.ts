import { JavumboError } from '../core/failure.ts';
import { type InterruptibleOptions, interruptibleRead, interruptibleWrite } from '../core/interruptible.ts';
import type { Resource, ResourceSetting } from './provision.ts';

/** Starts no request after an interruption; interruptible.ts says what happens to requests under way. */
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
    // It creates a scratch bucket, which must be removed.
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
  // Its scratch bucket may still be being removed. An examination ends after that, and then its outcome is known.
  await options.cleanUps.settled();
  const unanswered = new JavumboError('unknown', `${what}: interrupted, and it is not known whether it was made`, {
    try: 'javumbo deployment describe',
    cause: answer.cause,
  });
  return Promise.race([asked as Promise<T>, turnOfTheLoop().then(() => Promise.reject(unanswered))]);
}

function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
