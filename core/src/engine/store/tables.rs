//! The tables: which there are, what lies in them, and under which keys.

use redb::TableDefinition;

/// A table of records under byte keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Format, settings and series of numbers, under their names.
    Meta,
    /// Bills, under [`crate::bills::BillKey`].
    Bills,
    /// Revisions, under the bill's key and the revision's number.
    Revisions,
    /// What stands beside a bill until somebody decides, under [`crate::bills::BillKey`].
    Standings,
    /// Disputes, under their number.
    Disputes,
    /// Files for confirmed bills, under their number.
    Late,
    /// Loads, under their number.
    Loads,
    /// How the CSVs of a load were read, where that is unusual, under the load's number.
    Readings,
    /// Which load a file became, under the bill's key and the file's SHA-256.
    Files,
    /// Loads whose lines were removed, under their number.
    Pruned,
    /// Segments, under their number.
    Segments,
    /// Which segment has this text, under the hash of its source.
    SegmentKeys,
    /// Schemas, under their hash.
    Schemas,
    /// Sinks, under their name.
    Sinks,
    /// Allowlist, grants and bindings, under the UIN.
    Storage,
    /// What is known of accounts, under the UIN.
    Accounts,
    /// Contracted discounts, under the UIN and the product's name.
    Contracts,
    /// The store's own calendars, under their name.
    Calendars,
    /// What accounts are sold at and get to see, under the UIN.
    Terms,
    /// Deliveries, under their number.
    Deliveries,
    /// Which delivery is of this content to this sink, under the export's key.
    DeliveryKeys,
    /// The last delivery of a bill's days in a form to a sink, under the slot's key.
    DeliverySlots,
    /// Manifests as they are at the sinks, under the delivery's number.
    Manifests,
    /// What sinks were found to be able to, under their name.
    Probes,
    /// What sinks remember, under sink, URL and name.
    SinkMemory,
    /// Who is told of what, under their name.
    Notifiers,
    /// What is to be told, and was, under its number.
    Notices,
    /// That it was told that a revision waits, under notifier, bill and revision.
    NoticeKeys,
    /// People and their roles, under their name in small letters.
    People,
    /// What requests with a key came to, under the key.
    Requests,
    /// The last entry of the journal that tells a bill's digest, under the entry's subject.
    BillEntries,
    /// The journal, under the entry's number.
    Journal,
    /// What each table's records add up to, under the table's name ([`super::StoreSums`]).
    State,
}

impl Table {
    /// The tables that a new store has; the others are made with their first record.
    pub(super) const AT_FIRST: &[Table] = &[
        Table::Meta,
        Table::Bills,
        Table::Revisions,
        Table::Loads,
        Table::Files,
        Table::Segments,
        Table::SegmentKeys,
        Table::Schemas,
        Table::Sinks,
        Table::Storage,
        Table::Deliveries,
        Table::DeliveryKeys,
        Table::Journal,
    ];

    /// All of them.
    pub const ALL: &[Table] = &[
        Table::Meta,
        Table::Bills,
        Table::Revisions,
        Table::Standings,
        Table::Disputes,
        Table::Late,
        Table::Loads,
        Table::Readings,
        Table::Files,
        Table::Pruned,
        Table::Segments,
        Table::SegmentKeys,
        Table::Schemas,
        Table::Sinks,
        Table::Storage,
        Table::Accounts,
        Table::Contracts,
        Table::Calendars,
        Table::Terms,
        Table::Deliveries,
        Table::DeliveryKeys,
        Table::DeliverySlots,
        Table::Manifests,
        Table::Probes,
        Table::SinkMemory,
        Table::Notifiers,
        Table::Notices,
        Table::NoticeKeys,
        Table::People,
        Table::Requests,
        Table::BillEntries,
        Table::Journal,
        Table::State,
    ];

    /// Returns the table's name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Table::Meta => "meta",
            Table::Bills => "bills",
            Table::Revisions => "revisions",
            Table::Standings => "standings",
            Table::Disputes => "disputes",
            Table::Late => "late",
            Table::Loads => "loads",
            Table::Readings => "readings",
            Table::Files => "files",
            Table::Pruned => "pruned",
            Table::Segments => "segments",
            Table::SegmentKeys => "segment_keys",
            Table::Schemas => "schemas",
            Table::Sinks => "sinks",
            Table::Storage => "storage",
            Table::Accounts => "accounts",
            Table::Contracts => "contracts",
            Table::Calendars => "calendars",
            Table::Terms => "terms",
            Table::Deliveries => "deliveries",
            Table::DeliveryKeys => "delivery_keys",
            Table::DeliverySlots => "delivery_slots",
            Table::Manifests => "manifests",
            Table::Probes => "probes",
            Table::SinkMemory => "sink_memory",
            Table::Notifiers => "notifiers",
            Table::Notices => "notices",
            Table::NoticeKeys => "notice_keys",
            Table::People => "people",
            Table::Requests => "requests",
            Table::BillEntries => "bill_entries",
            Table::Journal => "journal",
            Table::State => "state",
        }
    }

    /// Tells people which record lies under a key.
    pub(super) fn record(self, key: &[u8]) -> String {
        let number = key.try_into().map(u64::from_be_bytes);
        match (self, number) {
            (Table::Journal, Ok(number)) => format!("entry {number} of the journal"),
            (_, Ok(number)) => format!("record {number} of `{}`", self.name()),
            (_, Err(_)) => format!("a record of `{}`", self.name()),
        }
    }

    pub(super) fn definition(self) -> TableDefinition<'static, &'static [u8], &'static [u8]> {
        TableDefinition::new(self.name())
    }
}

/// A table of large values under numbers, cut to page sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Large {
    /// Blocks of lines ([`crate::engine::block`]).
    Blocks,
    /// Roll-ups of segments ([`crate::engine::rollup`]).
    Rollups,
    /// In which order a segment's lines were imported.
    Orders,
    /// What is known of each owner's lines of each day in a segment (`bills::OwnerDay`).
    OwnerDays,
    /// Parts of roll-ups, under the segment's number and their place.
    RollupParts,
    /// Parts of owner-days, likewise.
    OwnerDayParts,
}

impl Large {
    /// All of them.
    pub const ALL: &[Large] = &[
        Large::Blocks,
        Large::Rollups,
        Large::Orders,
        Large::OwnerDays,
        Large::RollupParts,
        Large::OwnerDayParts,
    ];

    /// Returns the table's name in the file.
    pub fn name(self) -> &'static str {
        match self {
            Large::Blocks => "blocks",
            Large::Rollups => "rollups",
            Large::Orders => "orders",
            Large::OwnerDays => "owner_days",
            Large::RollupParts => "rollup_parts",
            Large::OwnerDayParts => "owner_day_parts",
        }
    }

    pub(super) fn definition(self) -> TableDefinition<'static, u64, &'static [u8]> {
        TableDefinition::new(self.name())
    }
}
