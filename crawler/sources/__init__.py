"""Where an id's page is fetched from: generators that yield requests and are sent responses."""
