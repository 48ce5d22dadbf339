"""Where Python sources hold named literals, and how they are written anew."""
