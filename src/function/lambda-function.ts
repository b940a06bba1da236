import {
  GetFunctionConfigurationCommand,
  InvokeCommand,
  type InvokeCommandOutput,
  type LambdaClient,
  UpdateFunctionCodeCommand,
} from '@aws-sdk/client-lambda';
import { certainlyRefused, errorNameOf } from '../aws/errors.ts';
import { JavumboError } from '../core/failure.ts';
import { asCallFailure, asLambdaFailure, doubt, type LambdaSubject } from './lambda-failure.ts';
import { lambdaFault, lambdaUsage } from './lambda-reply.ts';
import type { FunctionCode, FunctionDescription, FunctionReply, RemoteFunction } from './remote-function.ts';

export interface LambdaFunctionOptions {
  /** A name, `name:alias` or an ARN. */
  readonly name: string;
  readonly endpoint: string | undefined;
  /** Sends each call once, and waits as long as a function may run. */
  readonly calls: LambdaClient;
  /** For everything else; it may retry. */
  readonly control: LambdaClient;
}

/** The largest payload of a synchronous call, in bytes. (Lambda quotas) */
export const PAYLOAD_BYTES_MAX = 6_291_456;

export class LambdaFunction implements RemoteFunction {
  readonly name: string;
  readonly code: FunctionCode;
  readonly #options: LambdaFunctionOptions;

  constructor(options: LambdaFunctionOptions) {
    this.name = options.name;
    this.#options = options;
    this.code = { replace: (zip, expected) => this.#replaceCode(zip, expected) };
  }

  async describe(): Promise<FunctionDescription> {
    const { name, control } = this.#options;
    try {
      // GetFunction would also return a link with which anyone can fetch the code.
      const found = await control.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
      return {
        name: found.FunctionName ?? name,
        kind: 'lambda',
        arn: found.FunctionArn,
        runtime: found.Runtime ?? 'container image',
        architecture: found.Architectures?.[0] ?? 'x86_64',
        handler: found.Handler,
        memoryMb: found.MemorySize ?? 0,
        timeoutSeconds: found.Timeout ?? 0,
        temporaryStorageMb: found.EphemeralStorage?.Size ?? 512,
        codeSha256: found.CodeSha256,
        codeSizeBytes: found.CodeSize,
        lastModified: found.LastModified,
        // Only functions older than states have none.
        state: found.State ?? 'Active',
        stateReason: found.StateReason,
        lastUpdateStatus: found.LastUpdateStatus,
        lastUpdateReason: found.LastUpdateStatusReason,
        revisionId: found.RevisionId,
        environment: Object.keys(found.Environment?.Variables ?? {}).sort(),
      };
    } catch (error) {
      throw asLambdaFailure(error, this.#subject('describe', 'lambda:GetFunctionConfiguration'));
    }
  }

  async invoke(payload: string): Promise<FunctionReply> {
    const { name, calls } = this.#options;
    const bytes = Buffer.byteLength(payload);
    // Lambda would refuse it during the upload, which can look like a broken connection.
    if (bytes > PAYLOAD_BYTES_MAX) {
      throw new JavumboError(
        'usage',
        `call function "${name}": the payload has ${bytes} bytes, and Lambda takes ${PAYLOAD_BYTES_MAX}`,
        { try: 'less text per call' },
      );
    }
    let output: InvokeCommandOutput;
    try {
      output = await calls.send(
        new InvokeCommand({
          FunctionName: name,
          InvocationType: 'RequestResponse',
          // Only for the billed duration and memory.
          LogType: 'Tail',
          Payload: Buffer.from(payload),
        }),
      );
    } catch (error) {
      throw asCallFailure(error, this.#subject('call', 'lambda:InvokeFunction'));
    }
    const returned = output.Payload?.transformToString() ?? '';
    const usage = lambdaUsage(output.LogResult);
    if (output.FunctionError === undefined) return { payload: returned, ...usage };
    return { payload: '', fault: lambdaFault(returned), ...usage };
  }

  close(): void {
    this.#options.calls.destroy();
    this.#options.control.destroy();
  }

  async #replaceCode(zip: Uint8Array, { revisionId, architecture }: FunctionDescription): Promise<void> {
    const { name, control } = this.#options;
    const subject = this.#subject('update', 'lambda:UpdateFunctionCode');
    try {
      await control.send(
        new UpdateFunctionCodeCommand({
          FunctionName: name,
          ZipFile: zip,
          // The default would be x86_64.
          Architectures: [architecture === 'arm64' ? 'arm64' : 'x86_64'],
          RevisionId: revisionId,
        }),
      );
    } catch (error) {
      const code = errorNameOf(error);
      if (code === 'PreconditionFailedException') {
        throw new JavumboError('conflict', `somebody else changed function "${name}" meanwhile`, {
          try: 'javumbo function describe, and the same command again',
          cause: error,
        });
      }
      if (code === 'InvalidParameterValueException' || code === 'InvalidZipFileException') {
        throw new JavumboError('usage', `${subject.what}: Lambda does not take the package (${code})`, {
          try: 'the same command with --verbose, which prints why',
          cause: error,
        });
      }
      throw certainlyRefused(error) ? asLambdaFailure(error, subject) : doubt(error, subject);
    }
  }

  #subject(verb: string, action: string): LambdaSubject {
    const { name, endpoint } = this.#options;
    return { what: `${verb} function "${name}"`, name, action, endpoint };
  }
}
