"""What perpetual futures say besides their book: premium, open interest, liquidations, crowding."""
