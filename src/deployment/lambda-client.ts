import type { Config } from '../config.ts';
import { JavumboError } from '../failure.ts';
import type { RemoteFunction } from '../function/remote-function.ts';

/** The function in Lambda as the configuration names it. Makes no request. */
export function openLambdaFunction(config: Config): RemoteFunction {
  throw new JavumboError('internal', `function "${config.function.value}" is in Lambda, which is not reached yet`);
}
