//! What clients do and how often, as a command line says it: `renew=8,release=1,solicit=1`.

use std::fmt;
use std::str::FromStr;

use crate::load::client::Intent;

/// Things to do, with their weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mix(Vec<(Intent, u32)>);

/// Every kind by its name.
const KINDS: [(&str, Intent); 8] = [
    (
        "solicit",
        Intent::Acquire {
            rapid_commit: false,
        },
    ),
    ("rapid-commit", Intent::Acquire { rapid_commit: true }),
    ("confirm", Intent::Confirm),
    ("renew", Intent::Renew),
    ("rebind", Intent::Rebind),
    ("release", Intent::Release),
    ("decline", Intent::Decline),
    ("information-request", Intent::Inform),
];

impl Mix {
    /// What to do, each with its weight.
    #[must_use]
    pub fn orders(&self) -> &[(Intent, u32)] {
        &self.0
    }

    /// Whether somebody has to have a lease so that it can be done.
    #[must_use]
    pub fn needs_leases(&self) -> bool {
        self.0.iter().any(|(intent, _)| match intent {
            Intent::Acquire { .. } | Intent::Inform => false,
            Intent::Confirm
            | Intent::Renew
            | Intent::Rebind
            | Intent::Release
            | Intent::Decline => true,
        })
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut mix = Vec::new();
        for part in text.split(',') {
            let (name, weight) = part.trim().split_once('=').unwrap_or((part.trim(), "1"));
            let Some((_, intent)) = KINDS.iter().find(|(kind, _)| *kind == name) else {
                let kinds = KINDS.map(|(kind, _)| kind).join(", ");
                return Err(format!("`{name}` is none of: {kinds}"));
            };
            let weight = weight
                .parse()
                .ok()
                .filter(|it| (1..=1_000_000).contains(it));
            let Some(weight) = weight else {
                return Err(format!(
                    "the weight of {name} is a number from 1 to 1000000"
                ));
            };
            if mix.iter().any(|(other, _)| other == intent) {
                return Err(format!("{name} stands twice"));
            }
            mix.push((*intent, weight));
        }
        Ok(Self(mix))
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (intent, weight)) in self.0.iter().enumerate() {
            let name = KINDS.iter().find(|(_, kind)| kind == intent);
            let name = name.map_or("", |(name, _)| *name);
            let comma = if index > 0 { ", " } else { "" };
            match self.0.len() {
                1 => f.write_str(name)?,
                _ => write!(f, "{comma}{weight} {name}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_weights() {
        let mix: Mix = "renew=8, release,information-request=2"
            .parse()
            .expect("a mix");
        let expected = [
            (Intent::Renew, 8),
            (Intent::Release, 1),
            (Intent::Inform, 2),
        ];
        assert_eq!(mix.orders(), expected);
        assert_eq!(mix.to_string(), "8 renew, 1 release, 2 information-request");
        assert!(mix.needs_leases());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |text: &str| text.parse::<Mix>().expect_err("it is wrong");
        assert!(wrong("renw=1").contains("`renw` is none of: solicit, rapid-commit,"));
        assert!(wrong("renew=0").contains("the weight of renew"));
        assert!(wrong("renew=1,renew=2").contains("stands twice"));
        assert!(wrong("").contains("is none of"));
    }
}
