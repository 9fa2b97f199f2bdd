//! The columns of a level, and how its rows are written under them.

use crate::bills::{BillError, ReadBlock};
use crate::formats::schema::Column;

use super::super::csv::{Columns, known};
use super::block::ShapedBlock;
use super::level::{ColumnRole, ShapeLevel, is_merged};

/// The columns of a level.
pub(super) struct ShapeLayout {
    pub(super) level: ShapeLevel,
    pub(super) headers: Vec<String>,
    /// For each column of the level its place in the export, its meaning and its role.
    pub(super) columns: Vec<(usize, Option<Column>, ColumnRole)>,
    transaction_type: Option<usize>,
    component_name: Option<usize>,
    /// The column that the total is told in.
    total: Option<Column>,
}

impl ShapeLayout {
    pub(super) fn new(columns: &Columns, level: ShapeLevel) -> ShapeLayout {
        let at = |column: Column| columns.ids.iter().position(|id| known(id) == Some(column));
        let mut layout = ShapeLayout {
            level,
            headers: Vec::new(),
            columns: Vec::new(),
            transaction_type: at(Column::TransactionType),
            component_name: at(Column::ComponentName),
            total: [Column::Total, Column::AfterDiscount].into_iter().find(|column| at(*column).is_some()),
        };
        for (i, (id, header)) in columns.ids.iter().zip(columns.headers()).enumerate() {
            if let Some(role) = level.role(known(id)) {
                layout.headers.push(header.clone());
                layout.columns.push((i, known(id), role));
            }
        }
        layout
    }

    /// Returns for each column its place in the export, its meaning and its role.
    pub(super) fn columns(&self) -> &[(usize, Option<Column>, ColumnRole)] {
        &self.columns
    }

    /// Returns the place in the export of the components' names, where a group depends on them.
    pub(super) fn component_name(&self) -> Option<usize> {
        self.component_name.filter(|_| self.level == ShapeLevel::L3Monthly)
    }

    /// Says whether no line of the level becomes part of a group.
    pub(super) fn is_lines(&self) -> bool {
        self.level == ShapeLevel::L3
    }

    /// Returns the money columns with their places in a block.
    pub(super) fn money_places<'a>(
        &'a self,
        shaped: &'a ShapedBlock,
    ) -> impl Iterator<Item = (Column, usize)> + 'a {
        self.columns
            .iter()
            .filter(|(_, _, role)| *role == ColumnRole::Sum)
            .filter_map(|(at, column, _)| Some(((*column)?, shaped.place(*at)?)))
    }

    /// Returns the sums that an amount of a column is part of: its own, and the total where that is told in it.
    pub(super) fn sums_of(&self, column: Column) -> impl Iterator<Item = Column> {
        let total = (column != Column::Total && self.total == Some(column)).then_some(Column::Total);
        std::iter::once(column).chain(total)
    }

    /// Says whether a line becomes part of a group.
    pub(super) fn merges(
        &self,
        shaped: &ShapedBlock,
        block: &ReadBlock,
        row: usize,
    ) -> Result<bool, BillError> {
        match (self.level, self.transaction_type) {
            (ShapeLevel::L2, _) => Ok(true),
            (ShapeLevel::L3, _) | (ShapeLevel::L3Monthly, None) => Ok(false),
            (ShapeLevel::L3Monthly, Some(at)) => {
                Ok(is_merged(shaped.cell(block, at, row, &mut Vec::new())?))
            }
        }
    }
}
