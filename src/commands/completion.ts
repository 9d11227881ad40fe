import { fault, nearest } from '../kernel/index.ts';
import type { Io } from './context.ts';
import type { Outcome } from './model.ts';
import { COMMANDS, SHELLS } from './table.ts';

type Shell = (typeof SHELLS)[number];

// Bash breaks words at : and =; what stands before the last break is not typed again.
const BASH = `# bash completion of tw
_tw() {
  local line=\${COMP_LINE:0:COMP_POINT} cur prefix value
  local -a words=()
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  cur=\${words[\${#words[@]}-1]}
  prefix=\${cur%"\${cur##*[:=]}"}
  COMPREPLY=()
  while IFS=$'\\t' read -r value _; do
    COMPREPLY+=("\${value#"$prefix"}")
  done < <("\${words[0]}" complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -o default -F _tw tw tradewind
`;

const ZSH = `#compdef tw tradewind
# zsh completion of tw
_tw() {
  local line value
  local -a found
  for line in "\${(@f)$("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    value=\${line%%$'\\t'*}
    [[ -n $line ]] && found+=("\${value//:/\\\\:}:\${line#*$'\\t'}")
  done
  if (( \${#found} )); then _describe tw found; else _files; fi
}
if [[ \${funcstack[1]} == _tw ]]; then _tw "$@"; else compdef _tw tw tradewind; fi
`;

/** Flags whose value is a file: fish asks the script for all others. */
function fileFlags(): string[] {
  const own = COMMANDS.flatMap((c) => c.args).filter((a) => a.name === 'manifests');
  return ['config', ...own.map((a) => a.name)];
}

const fish = (): string => `# fish completion of tw
function __tw_complete
    set -l words (commandline -opc)
    $words[1] complete -- $words[2..] (commandline -ct) 2>/dev/null
end
for name in tw tradewind
    complete -c $name -f -a '(__tw_complete)'
${fileFlags()
  .map((f) => `    complete -c $name -l ${f} -r -F\n`)
  .join('')}end
`;

const SCRIPTS: Readonly<Record<Shell, () => string>> = { bash: () => BASH, zsh: () => ZSH, fish };

/** The completion script of a shell, on stdout. Throws TW6002. */
export function completion(shell: string, io: Pick<Io, 'out' | 'machine'>): Outcome {
  const known = SHELLS.find((s) => s === shell);
  if (known === undefined) {
    const near = nearest(shell, SHELLS);
    throw fault('TW6002', {
      value: shell,
      why: [`shells: ${SHELLS.join(', ')}${near === undefined ? '' : `; did you mean "${near}"?`}`],
    });
  }
  const script = SCRIPTS[known]();
  if (!io.machine) io.out(script);
  return { data: { shell: known, script }, view: { at: 0, rows: [] } };
}
