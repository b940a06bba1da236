import { systemRandom } from '../../core/random.ts';
import { freshMachine } from '../run-command.ts';
import type { DynamoEnvironment } from './dynamodb-local.ts';
import type { EngineEnvironment } from './engine.ts';

/** Returns the environment of a new deployment on both engines, not yet created. */
export function newDeployment(s3: EngineEnvironment | undefined, dynamo: DynamoEnvironment | undefined) {
  const name = `javumbo-${systemRandom.hex(6)}`;
  return {
    ...freshMachine(),
    ...dynamo,
    ...s3,
    S3_BUCKET: name,
    DYNAMODB_USERS_TABLE: `${name}-users`,
    DYNAMODB_LOCKS_TABLE: `${name}-locks`,
  };
}
