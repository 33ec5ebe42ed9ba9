"""Formulas of diffusion as MathML, which browsers draw themselves.

Nothing is fetched: MathJax would load a script and fonts from another host.
"""

from __future__ import annotations


def math(body: str, *, block: bool = False) -> str:
    """A formula on its own line, or in one."""
    return f'<math display="{"block" if block else "inline"}"><mrow>{body}</mrow></math>'


def name(letter: str) -> str:
    """A variable."""
    return f"<mi>{letter}</mi>"


def number(value: float | int) -> str:
    """A number with three digits after the point; a whole one as it is."""
    number = str(value) if isinstance(value, int) else f"{value:.3f}"
    return f"<mn>{number}</mn>"


def sign(text: str) -> str:
    """An operator or a bracket that keeps its size."""
    return f'<mo stretchy="false">{text}</mo>'


def sub(base: str, *below: str) -> str:
    """A variable with an index."""
    return f"<msub>{base}<mrow>{''.join(below)}</mrow></msub>"


def over(base: str, accent: str) -> str:
    """A variable under a hat or a tilde."""
    return f'<mover accent="true">{base}<mo>{accent}</mo></mover>'


def root(*inside: str) -> str:
    """A square root."""
    return f"<msqrt><mrow>{''.join(inside)}</mrow></msqrt>"


def fraction(above: str, below: str) -> str:
    """One over the other."""
    return f"<mfrac><mrow>{above}</mrow><mrow>{below}</mrow></mfrac>"


# One letter of old Greek, italic as other variables are: fonts without an accent for
# formulas draw a bar over a letter so close that it cannot be seen.
BARRED_ALPHA = '<mi style="font-style: italic">\u1fb1</mi>'
T, X, Q, P = name("t"), name("x"), name("q"), name("p")
T_MINUS = T + sign("−") + number(1)
X_0, X_T, X_BEFORE, X_END = sub(X, number(0)), sub(X, T), sub(X, T_MINUS), sub(X, name("T"))
GUESS = sub(over(X, "^"), number(0))
BETA, ALPHA, ALPHA_BAR = (
    sub(name("β"), T),
    sub(name("α"), T),
    sub(BARRED_ALPHA, T),
)
ALPHA_BAR_BEFORE = sub(BARRED_ALPHA, T_MINUS)
IDENTITY = '<mi mathvariant="bold">I</mi>'
ONE_MINUS = number(1) + sign("−")


def normal(variable: str, mean: str, variance: str) -> str:
    """N(variable; mean, variance I)."""
    inside = f"{variable}{sign(';')}{mean}{sign(',')}{variance}{IDENTITY}"
    return f"<mi>𝒩</mi>{sign('(')}{inside}{sign(')')}"


Q_STEP = Q + sign("(") + X_T + sign("|") + X_BEFORE + sign(")")
P_STEP = sub(P, name("θ")) + sign("(") + X_BEFORE + sign("|") + X_T + sign(")")
FORWARD = Q_STEP + sign("=") + normal(X_T, root(ONE_MINUS, BETA) + X_BEFORE, BETA)
"""Ho et al. 2020, eq. 2."""

JUMP = (
    Q
    + sign("(")
    + X_T
    + sign("|")
    + X_0
    + sign(")")
    + sign("=")
    + normal(X_T, root(ALPHA_BAR) + X_0, sign("(") + ONE_MINUS + ALPHA_BAR + sign(")"))
)
"""Eq. 4: all steps up to t at once."""

MEAN = (
    fraction(root(ALPHA_BAR_BEFORE) + BETA, ONE_MINUS + ALPHA_BAR)
    + GUESS
    + sign("+")
    + fraction(
        root(ALPHA) + sign("(") + ONE_MINUS + ALPHA_BAR_BEFORE + sign(")"), ONE_MINUS + ALPHA_BAR
    )
    + X_T
)
VARIANCE = fraction(ONE_MINUS + ALPHA_BAR_BEFORE, ONE_MINUS + ALPHA_BAR) + BETA
REVERSE = P_STEP + sign("=") + normal(X_BEFORE, sub(name("μ"), T), sub(over(name("β"), "~"), T))
"""Eq. 1, with the mean and variance of eq. 7 at the model's guess of x_0."""

REVERSE_PARTS = (
    sub(name("μ"), T) + sign("=") + MEAN,
    sub(over(name("β"), "~"), T) + sign("=") + VARIANCE,
)


def forward_at(t: int, kept: float, beta: float) -> str:
    """Eq. 2 with the numbers of step t."""
    now, before = sub(X, number(t)), sub(X, number(t - 1))
    return now + sign("=") + number(kept) + before + sign("+") + root(number(beta)) + name("ε")


def reverse_at(t: int, of_clean: float, of_noisy: float, variance: float) -> str:
    """A draw from p with the numbers of step t; at t = 1 no noise is added."""
    drawn = sub(X, number(t - 1)) + sign("=") + number(of_clean) + GUESS + sign("+")
    drawn += number(of_noisy) + sub(X, number(t))
    return drawn + (sign("+") + root(number(variance)) + name("z") if t > 1 else "")
