"""Rules for Prometheus, as Kubernetes wants them: ``python -m deploy.kubernetes.rules`` writes both files anew.

``rules.yml`` is a ConfigMap for a Prometheus that mounts it, ``operator/prometheusrule.yml`` is for the operator.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

FOLDER = Path(__file__).parent
_RULES = FOLDER.parents[1] / "prometheus/rules"
_ON = ("recording.yml", "alerts.yml")
_HEAD = """\
# Written from prometheus/rules by `python -m deploy.kubernetes.rules`: change those, and run it again.
apiVersion: {version}
kind: {kind}
metadata:
  name: latency-exporter{suffix}
  labels: {{app.kubernetes.io/name: latency-exporter}}
"""


def files() -> dict[Path, str]:
    """Return the text of each file."""
    texts = {name: (_RULES / name).read_text("utf-8") for name in _ON}
    mounted = "".join(f"  {name}: |\n{textwrap.indent(text, '    ')}" for name, text in texts.items())
    groups = "".join(textwrap.indent(text.partition("\ngroups:\n")[2], "  ") for text in texts.values())
    return {
        FOLDER / "rules.yml": _HEAD.format(version="v1", kind="ConfigMap", suffix="-rules") + "data:\n" + mounted,
        FOLDER / "operator/prometheusrule.yml": _HEAD.format(
            version="monitoring.coreos.com/v1", kind="PrometheusRule", suffix=""
        )
        + "spec:\n  groups:\n"
        + groups,
    }


if __name__ == "__main__":
    for _path, _text in files().items():
        _path.write_text(_text, "utf-8")
