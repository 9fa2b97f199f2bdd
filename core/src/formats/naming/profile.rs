//! Profiles: the ways in which exports can be named.
//!
//! A built-in profile has a template for each combination of what it tells by words of its own; a user's profile is
//! one template. Both are rendered and read by the same code, and both carry the export's id.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::values::error::codes;
use crate::values::period::Basis;

use super::export_name::ExportName;
use super::fault::{TemplateFault, shown};
use super::field::NameFields;
use super::template::Template;
use super::words::{BillKind, Per, ScopeWord, Shape, words};

/// A profile that billkeep knows (docs/DOMAIN.md#file-names).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BuiltIn {
    /// Tencent Cloud's names of 2021.
    #[default]
    Seed2021,
    /// The provider's names of today.
    Current,
    /// The names of what a partner downloads from the provider's console.
    PartnerDownload,
    /// The provider's names for files in the FOCUS columns.
    Focus,
    /// The provider's Chinese names.
    Zh,
}

words!(
    BuiltIn,
    "a profile of names",
    Seed2021 = "seed-2021",
    Current = "current",
    PartnerDownload = "partner-download",
    Focus = "focus",
    Zh = "zh",
);

/// What a built-in profile tells by words of its own, not by a field. What it does not tell so is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ProfileFacts {
    kind: BillKind,
    shape: Shape,
    per: Per,
    basis: Option<Basis>,
    scope: Option<ScopeWord>,
}

impl BuiltIn {
    /// Returns what the profile tells of an export by words of its own.
    fn told(self, name: &ExportName) -> ProfileFacts {
        let ExportName { kind, shape, per, basis, scope, .. } = *name;
        let told = ProfileFacts { kind, shape, per, basis: None, scope: None };
        match self {
            BuiltIn::Zh => ProfileFacts { basis: Some(basis), ..told },
            // One customer's file has a form of its own.
            BuiltIn::Focus => {
                ProfileFacts { scope: Some(scope).filter(|scope| *scope == ScopeWord::Owner), ..told }
            }
            _ => told,
        }
    }

    /// Returns all that the profile can tell by words of its own.
    fn all_told(self) -> Vec<ProfileFacts> {
        let bases: &[Option<Basis>] = match self {
            BuiltIn::Zh => &[Some(Basis::Used), Some(Basis::Paid)],
            _ => &[None],
        };
        let scopes: &[Option<ScopeWord>] = match self {
            BuiltIn::Focus => &[None, Some(ScopeWord::Owner)],
            _ => &[None],
        };
        let mut all = Vec::new();
        for kind in BillKind::ALL {
            for shape in Shape::ALL.iter().copied() {
                for per in Per::ALL.iter().copied() {
                    for basis in bases.iter().copied() {
                        all.extend(scopes.iter().map(|scope| ProfileFacts {
                            kind,
                            shape,
                            per,
                            basis,
                            scope: *scope,
                        }));
                    }
                }
            }
        }
        all
    }

    /// Returns the template's text.
    fn template(self, told: ProfileFacts) -> String {
        match self {
            BuiltIn::Seed2021 => seed_2021(told),
            BuiltIn::Current => current(told),
            BuiltIn::PartnerDownload => partner_download(told),
            BuiltIn::Focus => focus(told),
            BuiltIn::Zh => zh(told),
        }
    }
}

/// Says whether an export is what the provider stores: all details, together.
fn is_plain(told: ProfileFacts) -> bool {
    told.shape == Shape::L3 && told.per == Per::Consolidated
}

/// The day of a daily export, the month of another.
fn date(kind: BillKind) -> &'static str {
    match kind {
        BillKind::Daily => "{day_compact}",
        BillKind::Monthly | BillKind::Reseller => "{month_compact}",
    }
}

/// - daily: `{uin}-2021-03-04-by_used_time-bill-details-consolidated_bill-{id}`
/// - reseller: the same with nothing in the place of the day (docs/DOMAIN.md#file-names)
/// - monthly: `{uin}-202103-by_used_time-bill_details-{id}`; the id tells a corrected month from the first one
///
/// Other shapes have their words in the place of `details` and `consolidated`; no sample is known.
fn seed_2021(told: ProfileFacts) -> String {
    let ProfileFacts { kind, shape, per, .. } = told;
    let date = match kind {
        BillKind::Daily => "{day}",
        BillKind::Reseller => "{month}-",
        BillKind::Monthly if is_plain(told) => {
            return "{uin}-{month_compact}-{basis}-bill_details-{id}".into();
        }
        BillKind::Monthly => return format!("{{uin}}-{{month_compact}}-{{basis}}-bill_{shape}-{per}-{{id}}"),
    };
    let details = if is_plain(told) { "details" } else { shape.word() };
    format!("{{uin}}-{date}-{{basis}}-bill-{details}-{per}_bill-{{id}}")
}

/// `{uin}-20241208-by_used_time-bill_details-{id}`, `{uin}-202411-by_used_time-bill_pack-{id}`
fn current(told: ProfileFacts) -> String {
    let what = match told.shape {
        Shape::L3 => "bill_details",
        Shape::L2 => "bill_by_Instance",
        Shape::Pack => "bill_pack",
        // Ours: no sample is known.
        Shape::L3Monthly => "bill_details_by_month",
        Shape::L1 => "bill_summary",
    };
    let per = match told.per {
        Per::Consolidated => "",
        Per::Customer => "-by_customer",
        Per::Reseller => "-by_reseller",
    };
    let kind = if told.kind == BillKind::Reseller { "-reseller" } else { "" };
    format!("{{uin}}-{}-{{basis}}-{what}{per}{kind}-{{id}}", date(told.kind))
}

/// `L3-bill_details-{uin}-202412-{note}`, `L2-bill_by_Instance-{uin}-AllCustomersBills-202411-{note}`
///
/// The note is the customer's name at the provider's; ours says what the rest does not, and ends with the id.
fn partner_download(told: ProfileFacts) -> String {
    let level = match told.shape {
        Shape::L3 | Shape::L3Monthly => "L3-bill_details",
        Shape::L2 => "L2-bill_by_Instance",
        // Ours: no sample is known.
        Shape::L1 => "L1-bill_summary",
        Shape::Pack => "Pack-bill_pack",
    };
    let all = match told.per {
        Per::Consolidated => "",
        Per::Customer => "-AllCustomersBills",
        Per::Reseller => "-AllResellersBills",
    };
    let day = if told.kind == BillKind::Daily { "-{day_compact}" } else { "" };
    let by_month = if told.shape == Shape::L3Monthly { "-by_month" } else { "" };
    let kind = told.kind;
    format!("{level}-{{uin}}{all}-{{month_compact}}{day}-{kind}-{{scope}}-{{basis}}{by_month}-{{id}}")
}

/// `{uin}-20251209-by_used_time-FOCUS-Bill Details-{id}`; of one customer, `FOCUS-bill_details-{uin}-202512-…-{id}`
fn focus(told: ProfileFacts) -> String {
    let more = if is_plain(told) { String::new() } else { format!("-{}-{}", told.shape, told.per) };
    let kind = if told.kind == BillKind::Reseller { "-reseller" } else { "" };
    let date = date(told.kind);
    match told.scope {
        Some(ScopeWord::Owner) => format!("FOCUS-bill_details-{{uin}}-{date}-{{basis}}{more}{kind}-{{id}}"),
        _ => format!("{{uin}}-{date}-{{basis}}-FOCUS-Bill Details{more}{kind}-{{id}}"),
    }
}

/// `{uin}-202411-按扣费周期-明细账单-{id}`
fn zh(told: ProfileFacts) -> String {
    let basis = match told.basis {
        // By billing cycle, that is by the time of deduction.
        Some(Basis::Paid) => "按扣费周期",
        // By charging cycle, that is by the time of use. Ours: no sample is known.
        _ => "按计费周期",
    };
    let what = match told.shape {
        // Details.
        Shape::L3 => "明细账单",
        // Ours: details by month, by resource, summary, pack.
        Shape::L3Monthly => "月度明细账单",
        Shape::L2 => "资源账单",
        Shape::L1 => "汇总账单",
        Shape::Pack => "账单包",
    };
    // Ours: by customer, by second-level reseller; reseller bill.
    let per = match told.per {
        Per::Consolidated => "",
        Per::Customer => "-按客户",
        Per::Reseller => "-按二级经销商",
    };
    let kind = if told.kind == BillKind::Reseller { "-经销商账单" } else { "" };
    format!("{{uin}}-{}-{basis}-{what}{per}{kind}-{{id}}", date(told.kind))
}

/// The templates of the built-in profiles. That each is one that a user could write as well is a test.
static TEMPLATES: LazyLock<BTreeMap<(BuiltIn, ProfileFacts), Template>> = LazyLock::new(|| {
    let mut templates = BTreeMap::new();
    for built_in in BuiltIn::ALL.iter().copied() {
        for told in built_in.all_told() {
            if let Ok(template) = Template::new(&built_in.template(told)) {
                templates.insert((built_in, told), template);
            }
        }
    }
    templates
});

/// A way to name exports: a built-in profile, or a user's template.
///
/// ```
/// use billkeep_core::formats::NameProfile;
///
/// let profile: NameProfile = "{uin}_{day_compact}_{kind}_{id}".parse()?;
/// assert_eq!(profile.to_string(), "{uin}_{day_compact}_{kind}_{id}");
/// assert_eq!("seed-2021".parse::<NameProfile>()?, NameProfile::default());
/// assert!("../{uin}-{id}".parse::<NameProfile>().is_err());
/// # Ok::<(), billkeep_core::formats::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum NameProfile {
    /// A profile that billkeep knows.
    BuiltIn(BuiltIn),
    /// A user's own.
    Template(Template),
}

impl Default for NameProfile {
    fn default() -> Self {
        NameProfile::BuiltIn(BuiltIn::default())
    }
}

impl NameProfile {
    /// Renders the name of an export, without its ending.
    ///
    /// The days covered have to be days of a [`BillMonth`](crate::values::period::BillMonth), as those of a bill are.
    pub fn stem(&self, name: &ExportName) -> String {
        match self {
            NameProfile::Template(template) => template.stem(name),
            NameProfile::BuiltIn(built_in) => {
                let told = built_in.told(name);
                match TEMPLATES.get(&(*built_in, told)) {
                    Some(template) => template.stem(name),
                    // Not reached: there is a template for all that can be told.
                    None => name.id.to_string(),
                }
            }
        }
    }

    /// Returns what a name without its ending says; `None` if it is not a name of this profile.
    ///
    /// It is the inverse of [`stem`](NameProfile::stem): it gives back every field that the name carries.
    pub fn parse_stem(&self, stem: &str) -> Option<NameFields> {
        match self {
            NameProfile::Template(template) => template.parse_stem(stem),
            NameProfile::BuiltIn(built_in) => {
                let own = TEMPLATES.iter().filter(|((of, _), _)| of == built_in);
                own.into_iter().find_map(|((_, told), template)| {
                    let said = template.parse_stem(stem)?;
                    Some(NameFields {
                        kind: Some(told.kind),
                        shape: Some(told.shape),
                        per: Some(told.per),
                        basis: said.basis.or(told.basis),
                        scope: said.scope.or(told.scope),
                        ..said
                    })
                })
            }
        }
    }
}

impl BuiltIn {
    /// Returns what a name in a built-in profile says, and in which one.
    pub fn parse(stem: &str) -> Option<(BuiltIn, NameFields)> {
        BuiltIn::ALL
            .iter()
            .find_map(|built_in| Some((*built_in, NameProfile::BuiltIn(*built_in).parse_stem(stem)?)))
    }
}

/// Why a text is not a profile of names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It is neither a built-in profile nor a template.
    #[error(
        "`{0}` is not a profile of names: write one of {names}, or a template such as `{{uin}}-{{month}}-{{kind}}-{{id}}`",
        names = built_ins()
    )]
    Unknown(String),
    /// The template would not make good names.
    #[error("template `{template}`: {fault}")]
    Template {
        /// The template, shortened, with marks that cannot be seen written out.
        template: String,
        /// What is wrong with it.
        fault: TemplateFault,
    },
}

fn built_ins() -> String {
    let names: Vec<&str> = BuiltIn::ALL.iter().map(|built_in| built_in.word()).collect();
    names.join(", ")
}

codes!(NameError {
    own {
        Self::Unknown(profile) => User "naming.unknown" { profile: profile, known: built_ins() },
        Self::Template { template, fault } => User "naming.template" { template: template, why: fault },
    }
    within {}
});

impl FromStr for NameProfile {
    type Err = NameError;

    /// Reads a built-in profile's name, or a template: what has a brace in it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains(['{', '}']) {
            return Template::new(text)
                .map(NameProfile::Template)
                .map_err(|fault| NameError::Template { template: shown(text), fault });
        }
        text.parse().map(NameProfile::BuiltIn).map_err(|_| NameError::Unknown(shown(text)))
    }
}

impl fmt::Display for NameProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameProfile::BuiltIn(built_in) => built_in.fmt(f),
            NameProfile::Template(template) => template.fmt(f),
        }
    }
}

impl TryFrom<String> for NameProfile {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<NameProfile> for String {
    fn from(profile: NameProfile) -> Self {
        profile.to_string()
    }
}

impl ExportName {
    /// Renders the name without its ending, in the default profile, `seed-2021`.
    pub fn stem(&self) -> String {
        NameProfile::default().stem(self)
    }
}
