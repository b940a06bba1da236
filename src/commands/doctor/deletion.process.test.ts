/** `doctor` says how an engine deletes, and what javumbo makes of it. */
import { afterEach, describe, expect, test } from 'vitest';
import { type CommandDeployment, openOnS3 } from '../../testing/command-deployments.ts';
import { CEPH_16, type S3ServerOptions } from '../../testing/s3-server/server.ts';

let deployment: CommandDeployment;

afterEach(() => deployment.close());

interface Report {
  readonly findings: readonly { readonly id: string; readonly severity: string; readonly message: string }[];
}

describe('of deletes doctor says', () => {
  const rows: { name: string; options: S3ServerOptions; severity: string; message: RegExp; left: string[] }[] = [
    {
      name: 'that an engine compares',
      options: {},
      severity: 'ok',
      message: /a DELETE over an old version is refused/,
      left: [],
    },
    {
      name: 'that Ceph 16 does not, and what is done about it',
      options: CEPH_16,
      severity: 'warning',
      message: /removes whatever is there; of 8 races .* deletes here by a tombstone/,
      left: [],
    },
  ];
  test.each(rows)('$name', async ({ options, severity, message, left }) => {
    deployment = await openOnS3(options);
    const { findings } = (await deployment.run(['doctor', '--json'])).json<Report>();
    expect(findings.filter(({ id }) => id === 'conditional-deletes')).toEqual([
      expect.objectContaining({ severity, message: expect.stringMatching(message) }),
    ]);
    expect(deployment.server?.keys('b')).toEqual(left);
  });

  test('what the first delete need not ask again', async () => {
    deployment = await openOnS3(CEPH_16);
    await deployment.run(['doctor', '--json']);
    await deployment.json('db', 'create', 'alice');
    deployment.server?.resetCounts();
    await deployment.json('db', 'delete', '--yes', 'alice');
    expect(deployment.server?.counts.operations).toMatchObject({ HeadObject: 1, PutObject: 1, DeleteObject: 0 });
  });
});
