//! What lint is asked for.

use std::collections::BTreeSet;

use crate::partners::contract::Contract;
use crate::values::uin::Uin;

/// What is held against a bill, and how much is told.
#[derive(Clone, Debug)]
pub struct LintSettings {
    /// Threads that read.
    pub threads: usize,
    /// Examples for each group of findings.
    pub examples_max: usize,
    /// How many units of the last decimal a result may be off.
    pub tolerance_units: u32,
    /// The accounts that are known, besides the payer; without any, no owner is unknown.
    pub known_accounts: BTreeSet<Uin>,
    /// What accounts have been promised.
    pub contracts: Vec<Contract>,
}

impl Default for LintSettings {
    fn default() -> Self {
        LintSettings {
            threads: 2,
            examples_max: 3,
            tolerance_units: 1,
            known_accounts: BTreeSet::new(),
            contracts: Vec::new(),
        }
    }
}
