//! Errors of the whole library: one type over those of its parts, and all codes.

pub use crate::values::error::{Code, Coded, ErrorField, Kind};
pub use crate::values::reason::Reason;

use crate::values::error::codes;

macro_rules! sum {
    ($($variant:ident: $error:ty, $what:literal;)*) => {
        /// An error of any part of the library.
        #[derive(Debug, thiserror::Error)]
        #[non_exhaustive]
        pub enum Error {
            $(#[doc = $what] #[error(transparent)] $variant(#[from] $error),)*
        }

        codes!(Error { own {} within { $(Self::$variant(e) => e, {},)* } });

        const OF_PARTS: &[&[Code]] = &[$(<$error>::CODES),*];
    };
}

sum! {
    Store: crate::engine::store::StoreError, "The store's file.";
    Name: crate::values::label::BadLabel, "A name.";
    People: crate::partners::people::PeopleError, "Who may do what.";
    Account: crate::partners::accounts::AccountError, "The tree of accounts.";
    Contract: crate::partners::contract::ContractError, "Contracted discounts.";
    Price: crate::partners::price::PriceError, "Prices for customers.";
    FileName: crate::formats::naming::NameError, "File names.";
    Bill: crate::bills::BillError, "A bill.";
    Import: crate::bills::ingest::ImportError, "An import.";
    Late: crate::bills::late::LateError, "A pending or late file.";
    Dispute: crate::bills::dispute::DisputeError, "A dispute.";
    Carry: crate::bills::carry::CarryError, "Carrying a late file forward.";
    Guard: crate::exports::guard::GuardError, "The guard of customers' exports.";
    Sink: crate::exports::sink::SinkError, "A sink.";
    Export: crate::exports::ExportError, "An export.";
    Evidence: crate::exports::evidence::EvidenceError, "The evidence of a dispute.";
    Storage: crate::deliveries::storage::StorageError, "Bill storage.";
    Delivery: crate::deliveries::DeliveryError, "A delivery.";
    Calendar: crate::deliveries::calendar::CalendarError, "Calendars.";
    CalendarFile: crate::deliveries::calendar::FileError, "A calendar's file.";
    Notifier: crate::deliveries::notice::NoticeError, "Notifiers.";
    Retention: crate::deliveries::retention::RetentionError, "Retention.";
}

/// Returns every code that an error of the library can have, with the names of its fields.
pub fn codes() -> impl Iterator<Item = &'static Code> {
    use crate::bills::CombineError;
    use crate::bills::ingest::{ImportFault, WhyUnclear};
    use crate::deliveries::notice::NotifyError;
    use crate::engine::block::BlockError;
    use crate::engine::bounded::BoundedError;
    use crate::engine::codec::CodecError;
    use crate::engine::rollup::Overflow;
    use crate::formats::naming::TemplateFault;
    use crate::formats::schema::SchemaError;

    let within = [
        BlockError::CODES,
        BoundedError::CODES,
        CodecError::CODES,
        CombineError::CODES,
        ImportFault::CODES,
        NotifyError::CODES,
        Overflow::CODES,
        SchemaError::CODES,
        TemplateFault::CODES,
        WhyUnclear::CODES,
    ];
    OF_PARTS.iter().copied().chain(within).flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::bills::BillError;
    use crate::engine::store::StoreError;
    use crate::exports::ExportError;

    #[test]
    fn codes_are_unique_and_in_one_form() {
        let all: Vec<&str> = codes().map(|(code, _)| *code).collect();
        let unique: BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(all.len(), unique.len(), "a code is used twice");
        for code in all {
            let letters = code.chars().all(|c| c.is_ascii_lowercase() || c == '.' || c == '-');
            assert!(letters && code.matches('.').count() == 1, "{code}");
        }
    }

    #[test]
    fn an_error_within_others_keeps_its_kind_and_code() {
        let error = Error::from(ExportError::from(BillError::from(StoreError::Busy)));
        assert_eq!((error.kind(), error.code()), (Kind::Transient, "store.busy"));
        assert_eq!(error.to_string(), StoreError::Busy.to_string());
    }
}
