"""An example or two of every command, which its help ends with; a test holds that each can be typed."""

import click

EXAMPLES: dict[str, tuple[str, ...]] = {
    "backup": ("fute backup", "fute backup --keep 5", "fute backup before.db"),
    "best-model": ("fute best-model product_reviews --space tickets",),
    "best-prompt": (
        "fute best-prompt product_reviews --model llama --space tickets -k 5",
        "fute best-prompt product_reviews --model llama --labelled few.csv --plot prompts.png",
    ),
    "bundle export": ("fute bundle export all.zip", "fute bundle export tickets.zip --space tickets"),
    "bundle import": ("fute bundle import all.zip --dry-run",),
    "card": ("fute card product_reviews", "fute card 'llama@short'"),
    "compare": ("fute compare film_reviews product_reviews",),
    "config show": ("fute config show --origin",),
    "copy": ("fute copy fute-registry postgresql://registry.example/team",),
    "corpus create": ("fute corpus create tickets --data tickets.txt", "fute corpus create texts --per-task 60"),
    "corpus list": ("fute corpus list",),
    "corpus remove": ("fute corpus remove tickets --yes",),
    "corpus rename": ("fute corpus rename tickets tickets-2026",),
    "corpus show": ("fute corpus show everyday --json",),
    "corpus tag": ("fute corpus tag tickets english", "fute corpus tag tickets --remove english"),
    "db upgrade": ("fute db upgrade",),
    "demo": ("fute demo", "fute demo --folder /tmp/demo --fresh"),
    "diff": ("fute diff fute-registry all.zip --exit-code",),
    "doctor": ("fute doctor", "fute doctor --json"),
    "embed": ("fute embed --all", "fute embed product_reviews 'llama@*' --space tickets --dry-run"),
    "evaluate prompts": ("fute evaluate prompts recorded --task film_reviews",),
    "evaluate transfer": ("fute evaluate transfer --examples tasks --truth measured.csv",),
    "evaluate unify": ("fute evaluate unify tasks --models trained",),
    "heatmap": ("fute heatmap heatmap.png", "fute heatmap heatmap.html --space tickets"),
    "index rebuild": ("fute index rebuild",),
    "index use": ("fute index use auto",),
    "index verify": ("fute index verify",),
    "init": ("fute init", "fute --registry ~/team init --no-pack"),
    "label suggest": ("fute label suggest product_reviews --model llama --out few.csv",),
    "map": ("fute map map.html", "fute map map.png --layout tsne --colour-by model"),
    "mcp": ("fute mcp", "fute --registry ~/team mcp"),
    "model add": (
        "fute model add triage --function mycode:triage",
        "fute model add llama --endpoint http://localhost:8000/v1 --model-id llama-3",
    ),
    "model alias": ("fute model alias triage:1 production",),
    "model answers": ("fute model answers llama --prompt short",),
    "model list": ("fute model list --tag english",),
    "model remove": ("fute model remove triage --yes",),
    "model rename": ("fute model rename triage triage-2025",),
    "model show": ("fute model show triage:production",),
    "model tag": ("fute model tag triage english",),
    "model test": ("fute model test 'llama@short' -n 3", "fute model test triage --text 'My parcel is lost'"),
    "nearest": (
        "fute nearest product_reviews -k 3 --kind task",
        "fute nearest product_reviews --by memory --setting t5l/finetune",
    ),
    "pack add": ("fute pack add taskweb",),
    "pack list": ("fute pack list",),
    "pack make": ("fute pack make ours --name ours --title 'Our tasks' --source https://example.org/tasks",),
    "pack remove": ("fute pack remove taskweb",),
    "pack show": ("fute pack show taskweb",),
    "path": ('ls "$(fute path)"',),
    "prompt add": ("fute prompt add short --template '{{ text }} Good?' --choice negative=no --choice positive=yes",),
    "prompt import": ("fute prompt import prompts.jsonl --prefix films/",),
    "prompt list": ("fute prompt list --tag films",),
    "prompt remove": ("fute prompt remove short --yes",),
    "prompt rename": ("fute prompt rename short films/short",),
    "prompt render": ("fute prompt render short --text 'I would buy it again'",),
    "prompt show": ("fute prompt show short",),
    "prompt tag": ("fute prompt tag short films",),
    "prompt test": ("fute prompt test short --task product_reviews",),
    "pull": ("fute pull /shared/team", "fute pull hf://datasets/ann/team --dry-run"),
    "push": ("fute push /shared/team", "fute push hf://datasets/ann/tickets --space tickets --license cc-by-4.0"),
    "repair": ("fute repair",),
    "restore": ("fute restore before.db",),
    "serve": ("fute serve", "fute serve --port 0"),
    "space create": (
        "fute space create tickets --corpus tickets",
        "fute space create ours --method imported --surrogate openai/clip-vit-base-patch32 --dimension 512",
    ),
    "space export": ("fute space export default vectors.npz --centred",),
    "space list": ("fute space list",),
    "space remove": ("fute space remove tickets --yes",),
    "space show": ("fute space show default",),
    "space use": ("fute space use tickets",),
    "status": ("fute status", "fute status --json"),
    "task add": (
        "fute task add reviews --data reviews.csv --text body --label stars --range 1,5 --answers low=bad,high=good",
        "fute task add spam --data spam.jsonl --answers 0=fine,1=spam",
    ),
    "task export": ("fute task export reviews reviews-folder", "fute task export --all tasks"),
    "task import": ("fute task import examples --tag example",),
    "task list": ("fute task list --tag example --limit 20",),
    "task remove": ("fute task remove reviews --yes",),
    "task rename": ("fute task rename reviews shop/reviews",),
    "task show": ("fute task show reviews --json",),
    "task tag": ("fute task tag reviews shop english",),
    "transfer export": ("fute transfer export measured.csv",),
    "transfer import": ("fute transfer import measured.csv --run may",),
    "transfer list": ("fute transfer list --target reviews",),
    "transfer record": (
        "fute transfer record --model minilm --adaptation full --target reviews --source film_reviews --score 0.91",
    ),
    "transfer remove": ("fute transfer remove --run may --yes",),
    "transfer show": (
        "fute transfer show film_reviews",
        "fute transfer show reviews --setting minilm/full --plot measured.png",
    ),
    "vectors export": ("fute vectors export vectors.parquet",),
    "vectors import": ("fute vectors import vectors.npz --space ours --kind model",),
    "verify": ("fute verify",),
    "worker": ("fute worker --watch", "fute worker --space tickets"),
}


def give_examples(command: click.Command, path: tuple[str, ...] = ()) -> None:
    """Let the help of a command, and of all that it holds, end with its examples."""
    own = EXAMPLES.get(" ".join(path), ())
    if own:
        heading = "Example:" if len(own) == 1 else "Examples:"
        command.epilog = "\b\n" + "\n".join((heading, *(f"  {line}" for line in own)))
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            give_examples(below, (*path, name))
