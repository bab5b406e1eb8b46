"""A page in a browser that places an order through SignalR and sees it completed live."""
