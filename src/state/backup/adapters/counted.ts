import { MARKER, parseMarker } from '../../marker.ts';
import { NOWHERE } from '../../redisconf.ts';
import type { Counted } from '../model.ts';
import type { Link } from './stream.ts';

const field = (info: string, name: string): string => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1] ?? '';

function roleOf(info: string): Counted['role'] {
  if (field(info, 'role') !== 'slave') return 'primary';
  return field(info, 'master_host') === NOWHERE.host && field(info, 'master_port') === `${NOWHERE.port}`
    ? 'fenced'
    : 'replica';
}

async function markerOf(link: Link): Promise<number> {
  const said = await link.say(['FCALL_RO', MARKER, 0]).catch((e: unknown) => {
    if (String(e).includes('not found')) return undefined;
    throw e;
  });
  return said === undefined ? 0 : (parseMarker(said ?? '')?.epoch ?? 0);
}

/** What one connection sees of the data of its Redis, with its process. Throws while it loads. */
export async function countOver(link: Link): Promise<Counted & { run: string; replid: string; saving: boolean }> {
  const epoch = await markerOf(link);
  const info = (await link.say(['INFO', 'everything'])) ?? '';
  const keys = Number(await link.ask(['DBSIZE']));
  return {
    engine: field(info, 'redis_version'),
    role: roleOf(info),
    link: field(info, 'master_link_status') === 'up',
    keys,
    offset: Number(field(info, 'master_repl_offset')),
    epoch,
    run: field(info, 'run_id'),
    replid: field(info, 'master_replid'),
    saving: field(info, 'rdb_bgsave_in_progress') === '1',
  };
}
