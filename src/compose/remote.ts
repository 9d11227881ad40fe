import { serverOf } from '../cli/remote/choose.ts';
import { remoteDoor } from '../cli/remote/door.ts';
import type { Context, RemoteDoor } from '../commands/index.ts';
import { version } from './place.ts';

/** The server of this project for verbs of its clients. */
export async function remoteOf(c: Context): Promise<RemoteDoor> {
  return remoteDoor({
    stateDir: c.stateDir,
    env: process.env,
    version: version(),
    ...(c.reach === undefined ? {} : { reach: c.reach }),
    ...(await serverOf(c, process.env)),
  });
}
