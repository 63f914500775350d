"""Differences from the SDK that are not settled yet: whatever is settled is deleted here."""

__all__ = ["FAMILIES", "VECTORS"]

VECTORS = frozenset(
    {
        "has/admin: reverification-level-list-first_factor-afterMinutes-10",
        *(f"keys/padding-clerk.example.com-{marks}" for marks in range(1, 6)),
        *(f"keys/padding-clerk.example.org-{marks}" for marks in range(1, 6)),
        *(f"keys/padding-clerk.example.co-{marks}" for marks in range(2, 6)),
        "verify/typ-list-RS256",
        "verify/typ-object",
        "verify/cat-list-cl_B7d4PD111AAA",
        "verify/nbf-null",
        "verify/random-86",
        "verify/random-208",
        *(
            f"verify/good-exp-{number}"
            for number in ("1800000050.0", "1800000050.75", "1.80000005e9")
        ),
        *(
            f"verify/good-iat-{number}"
            for number in ("1799999990.0", "1799999990.75", "1.79999999e9")
        ),
        *(
            f"verify/good-nbf-{number}"
            for number in ("1799999980.0", "1799999980.75", "1.79999998e9")
        ),
    }
)
FAMILIES = frozenset({"keys", "verify"})
